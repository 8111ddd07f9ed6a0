"""Handles HTTP for every function: routes, requests and answers, policies, problem documents."""

from shared.http.messages import Answer, CsvAnswer, creation_answer, run_answer
from shared.http.routes import Routes

__all__ = ["Answer", "CsvAnswer", "Routes", "creation_answer", "run_answer"]
