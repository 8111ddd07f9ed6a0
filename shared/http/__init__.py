"""Handles HTTP for every function: routes, requests and answers, policies, problem documents."""

from shared.http.endpoint import Routes
from shared.http.messages import Answer, creation_answer

__all__ = ["Answer", "Routes", "creation_answer"]
