"""Makes the framework's responses: JSON bodies, and CORS headers for allowed origins."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from flask import Response

_PORT = re.compile(r":[0-9]{1,5}\Z")
# A spreadsheet takes a text that begins with one of these for a formula, which may start programs and open addresses.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # the last four are wide


def json_response(
    status: int, body: Mapping[str, Any], headers: Mapping[str, str], content_type: str = "application/json"
) -> Response:
    """A response with a JSON body."""
    return Response(json_text(body), status=status, headers=dict(headers), content_type=content_type)


def json_text(body: Mapping[str, Any]) -> str:
    """The body as JSON. Times are in UTC, amounts are decimal numbers without an exponent."""
    return json.dumps(body, default=_plain, ensure_ascii=False)


def csv_response(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Response:
    """A response with a CSV body as in RFC 4180: UTF-8, with a line of column names. Null is an empty field.

    The names of groups come from everybody who may name a resource at the provider. So a text that a spreadsheet would
    take for a formula gets an apostrophe before it.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([_field(value) for value in row] for row in rows)
    return Response(text.getvalue(), content_type="text/csv; charset=utf-8")


def _field(value: Any) -> str | None:
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    if value is None:
        return None
    return json.dumps(value) if isinstance(value, bool) else _plain(value)


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
        response.headers["Access-Control-Expose-Headers"] = "X-Request-ID, Retry-After, Location, Idempotent-Replayed"
