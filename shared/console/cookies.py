"""Reads and writes the console's cookies.

Over HTTPS their names begin with __Host-, so a browser takes them only from this host itself, over HTTPS and for all
paths. The console's own URL (CONSOLE_URL) says whether it is served over HTTPS.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Response
from werkzeug.datastructures import Headers
from werkzeug.http import parse_cookie

from shared.configuration.settings import get_settings
from shared.console.sessions import Kind

_NAMES: dict[Kind, str] = {
    "visitor": "convergence-visitor",
    "tenant": "convergence-session",
    "operator": "convergence-operator",
}


def is_secure() -> bool:
    """Whether the console is served over HTTPS."""
    return urlsplit(get_settings().require("console_url")).scheme == "https"


def read_cookie(headers: Headers, kind: Kind) -> str | None:
    """The cookie of the session of this kind."""
    return parse_cookie(headers.get("Cookie")).get(_name(kind))


def write_cookie(response: Response, kind: Kind, value: str, *, seconds: int) -> None:
    """Let the browser keep the cookie for these seconds."""
    response.set_cookie(
        _name(kind), value, max_age=seconds, path="/", secure=is_secure(), httponly=True, samesite="Strict"
    )


def drop_cookie(response: Response, kind: Kind) -> None:
    """Let the browser forget the cookie."""
    response.delete_cookie(_name(kind), path="/", secure=is_secure(), httponly=True, samesite="Strict")


def _name(kind: Kind) -> str:
    return f"__Host-{_NAMES[kind]}" if is_secure() else _NAMES[kind]
