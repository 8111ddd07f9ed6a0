"""Serves the contract of the HTTP API, and a page that shows it. Both are public and hold nothing of a tenant."""

from __future__ import annotations

import gzip
from functools import cache
from pathlib import Path

from shared.console.policies import anybody
from shared.console.replies import Page, Redirect, StaticFile
from shared.console.site import Route
from shared.http.messages import Call

CONTRACT, PATH = "/api/v1/openapi.json", "/console/reference"
_FILE = Path(__file__).resolve().parents[3] / "docs" / "openapi.json"
_FIVE_MINUTES = "public, max-age=300"  # a deployment may change it


@cache
def _contract() -> StaticFile:
    content = _FILE.read_bytes()
    return StaticFile(content, gzip.compress(content, mtime=0), "application/json", _FIVE_MINUTES)


def show_contract(call: Call[None]) -> StaticFile:  # noqa: ARG001 - a handler gets the call
    """The contract, as in docs/openapi.json."""
    return _contract()


def show_reference(call: Call[None]) -> Page:  # noqa: ARG001 - a handler gets the call
    """The page that shows the contract."""
    return Page("reference.html", "HTTP API", {"contract": CONTRACT})


def lead_to_reference(call: Call[None]) -> Redirect:  # noqa: ARG001 - a handler gets the call
    """Lead from the root of the console's address to the page."""
    return Redirect(PATH)


ROUTES = (
    Route("GET /", anybody, lead_to_reference),
    Route(f"GET {CONTRACT}", anybody, show_contract),
    Route(f"GET {PATH}", anybody, show_reference),
)
