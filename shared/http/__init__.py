"""Handles HTTP for every function: routes, requests and answers, policies, problem documents."""

from shared.http.endpoint import Routes
from shared.http.messages import Answer, made

__all__ = ["Answer", "Routes", "made"]
