"""Writes structured logs for Cloud Logging: one JSON object per line, with the request's ids in each."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

_bound: ContextVar[dict[str, Any] | None] = ContextVar("bound", default=None)
# An id must not be all zeros. A header of version 00 has 55 characters; a later version may have more.
_TRACEPARENT = re.compile(
    r"(?!ff|00.{54})[0-9a-f]{2}-(?!0{32})(?P<trace>[0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?"
)
_CLOUD_TRACE = re.compile(r"(?!0{32})(?P<trace>[0-9A-Fa-f]{32})(?:/.*)?")
_logger = logging.getLogger("convergence")


class _CloudLoggingFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "severity": record.levelname,
            "message": record.getMessage(),
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            **getattr(record, "facts", {}),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str, ensure_ascii=False)


def configure(level: str) -> None:
    """Send the product's log to standard output; safe to call twice."""
    if not _logger.handlers:
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(_CloudLoggingFormatter())
        _logger.addHandler(handler)
        _logger.propagate = False
    _logger.setLevel(level)


@contextmanager
def bound(**facts: Any) -> Iterator[None]:
    """Add these facts to every log line inside the block."""
    token = _bound.set((_bound.get() or {}) | facts)
    try:
        yield
    finally:
        _bound.reset(token)


def bind(**facts: Any) -> None:
    """Add facts to the present request's log lines."""
    _bound.set((_bound.get() or {}) | facts)


def bound_fact(name: str) -> str | None:
    """A bound fact of the present request, as text; None outside of a request."""
    value = (_bound.get() or {}).get(name)
    return None if value is None else str(value)


def trace_id_of(traceparent: str | None, cloud_trace: str | None) -> str:
    """The trace's id in a `traceparent` (W3C) or `X-Cloud-Trace-Context` header; "" when neither has the right form."""
    for pattern, header in ((_TRACEPARENT, traceparent), (_CLOUD_TRACE, cloud_trace)):
        if found := pattern.fullmatch(header or ""):
            return found["trace"].lower()
    return ""


def trace_facts(project: str, traceparent: str | None, cloud_trace: str | None) -> dict[str, str]:
    """Cloud Logging's trace field from a `traceparent` (W3C) or `X-Cloud-Trace-Context` header."""
    trace = trace_id_of(traceparent, cloud_trace)
    return {"logging.googleapis.com/trace": f"projects/{project}/traces/{trace}"} if trace else {}


def _emit(level: int, phrase: str, facts: dict[str, Any], exc_info: BaseException | None = None) -> None:
    _logger.log(level, phrase, extra={"facts": (_bound.get() or {}) | facts}, exc_info=exc_info)


def info(phrase: str, **facts: Any) -> None:
    """Log a state change. `phrase` is constant; everything that varies is a fact."""
    _emit(logging.INFO, phrase, facts)


def warning(phrase: str, **facts: Any) -> None:
    """Log a failure that will be retried."""
    _emit(logging.WARNING, phrase, facts)


def error(phrase: str, *, exception: BaseException | None = None, **facts: Any) -> None:
    """Log a failure that requires an operator's action."""
    _emit(logging.ERROR, phrase, facts, exception)
