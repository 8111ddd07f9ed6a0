"""Turns errors into problem documents (RFC 9457). One table maps an error's class to its HTTP status."""

from __future__ import annotations

import re
from typing import Any

from shared import errors
from shared.http.messages import Answer

_STATUS: tuple[tuple[type[errors.ConvergenceError], int], ...] = (
    (errors.InvalidInput, 400),
    (errors.Unauthenticated, 401),
    (errors.Forbidden, 403),
    (errors.NotFound, 404),
    (errors.MethodNotAllowed, 405),
    (errors.Conflict, 409),
    (errors.PayloadTooLarge, 413),
    (errors.UnsupportedMediaType, 415),
    (errors.IdempotencyMismatch, 422),
    (errors.LimitReached, 429),
    (errors.Unavailable, 503),
)
_TITLES = {
    400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
    409: "Conflict", 413: "Content Too Large", 415: "Unsupported Media Type", 422: "Unprocessable Content",
    429: "Too Many Requests", 500: "Internal Server Error", 503: "Service Unavailable",
}  # fmt: skip
_FAILED = "The request failed; the trace_id finds it in the log."
_INVALID_FILE = "A file of the platform is not valid; the trace_id finds which in the log."
_BROKEN_TEMPLATE = "The pipeline's template is not valid; an operator must correct it"
_RETRY_AFTER_SECONDS = 5
_CHALLENGES = 'ApiKey realm="convergence", Bearer realm="convergence"'  # the two ways to authenticate


def status_of(error: errors.ConvergenceError | None) -> int:
    """The HTTP status of an error's class; 500 for None and for classes without a status."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def problem(error: errors.ConvergenceError | None, *, instance: str, trace_id: str) -> Answer:
    """The problem document of an error. None, or an error without a status, becomes a 500 that reveals nothing."""
    status = status_of(error)
    if status == 401:
        error = errors.Unauthenticated()  # every reason gets the same body
    if error is None or status == 500:
        kind, detail = _hidden(error)
        facts: dict[str, Any] = {}
    else:
        kind, detail, facts = _kebab(type(error).__name__), error.message, dict(error.facts)
    retry_after = facts.pop("retry_after", _RETRY_AFTER_SECONDS if status == 503 else None)
    if isinstance(error, errors.LimitReached):
        facts = {"cap": error.cap, **facts}
    headers = {"Retry-After": str(retry_after)} if retry_after is not None else {}
    if "allow" in facts:
        headers["Allow"] = ", ".join(facts["allow"])
    if status == 401:
        headers["WWW-Authenticate"] = _CHALLENGES
    body = {
        "type": f"urn:convergence:error:{kind}",
        "title": _TITLES[status],
        "status": status,
        "detail": detail,
        "instance": instance,
        "trace_id": trace_id,
        **facts,
    }
    return Answer(status, body, headers)


def _hidden(error: errors.ConvergenceError | None) -> tuple[str, str]:
    """The kind and the text of a 500. Only an error in a file of the platform is named."""
    if isinstance(error, errors.BrokenTemplate):
        return "invalid-template", f"{_BROKEN_TEMPLATE}: {'; '.join(error.message.splitlines())}."
    if isinstance(error, errors.ConfigError):
        return "invalid-configuration", _INVALID_FILE
    return "internal", _FAILED


def _kebab(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()
