"""Answers are readable for pages of an allowed origin, or of any port of an allowed host."""

from __future__ import annotations

import pytest
from flask import Response

from devcloud.environment import ALLOWED_ORIGINS
from shared.http.responses import allow_origin


def is_allowed(origin: str, *allowed: str) -> bool:
    response = Response()
    allow_origin(response, origin, frozenset(allowed))
    assert response.headers["Vary"] == "Origin"
    return response.headers.get("Access-Control-Allow-Origin") == origin


@pytest.mark.parametrize(
    ("origin", "is_there"),
    [
        ("http://localhost:5173", True),
        ("http://localhost:3000", True),
        ("http://localhost", True),
        ("https://localhost:8443", True),
        ("http://127.0.0.1:5173", True),
        ("http://localhost:5173.evil.example", False),
        ("http://evil.example:5173", False),
        ("http://localhost.evil.example", False),
        ("http://localhost:x", False),
        ("null", False),
    ],
)
def test_pages_of_every_localhost_port_may_call_the_local_cloud(origin: str, is_there: bool) -> None:
    assert is_allowed(origin, *ALLOWED_ORIGINS.split(",")) is is_there


def test_an_origin_without_a_star_allows_only_its_port() -> None:
    assert is_allowed("https://app.example", "https://app.example")
    assert not is_allowed("https://app.example:8443", "https://app.example")
