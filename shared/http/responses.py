"""Makes the framework's responses: JSON bodies, and CORS headers for allowed origins."""

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
    """A response with a JSON body. Times are in UTC, amounts are decimal numbers without an exponent."""
    text = json.dumps(body, default=_plain, ensure_ascii=False)
    return Response(text, status=status, headers=dict(headers), content_type=content_type)


def _plain(value: Any) -> str:
    if hasattr(value, "isoformat"):
        return str(value.isoformat()).replace("+00:00", "Z")
    if isinstance(value, Decimal):
        return format(value, "f")  # str() would write the smallest amounts as 1E-9
    return str(value)


def _is_allowed(origin: str, allowed: frozenset[str]) -> bool:
    """Whether the origin is in the list; `http://localhost:*` matches any port of that host."""
    return origin in allowed or f"{_PORT.sub('', origin)}:*" in allowed


def allow_origin(response: Response, origin: str | None, allowed: frozenset[str]) -> None:
    """Add the CORS header if the caller's origin is `allowed`."""
    response.headers["Vary"] = "Origin"
    if origin and _is_allowed(origin, allowed):
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = "X-Request-ID, Retry-After, Idempotent-Replayed"
