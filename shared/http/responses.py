"""Answers as the framework sends them: JSON, and readable to the origins that may call."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from flask import Response

_PORT = re.compile(r":[0-9]{1,5}\Z")


def json_response(
    status: int, body: Mapping[str, Any], headers: Mapping[str, str], content_type: str = "application/json"
) -> Response:
    """A response with the body as JSON: times in UTC, amounts written out."""
    text = json.dumps(body, default=_plain, ensure_ascii=False)
    return Response(text, status=status, headers=dict(headers), content_type=content_type)


def _plain(value: Any) -> str:
    if hasattr(value, "isoformat"):
        return str(value.isoformat()).replace("+00:00", "Z")
    if isinstance(value, Decimal):
        return format(value, "f")  # str() writes the smallest amounts as 1E-9
    return str(value)


def _is_allowed(origin: str, allowed: frozenset[str]) -> bool:
    """Whether the origin is one of them; `http://localhost:*` is that host on any port."""
    return origin in allowed or f"{_PORT.sub('', origin)}:*" in allowed


def allow_origin(response: Response, origin: str | None, allowed: frozenset[str]) -> None:
    """Let the caller's page read the response where its origin is `allowed`."""
    response.headers["Vary"] = "Origin"
    if origin and _is_allowed(origin, allowed):
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = "X-Request-ID, Retry-After, Idempotent-Replayed"
