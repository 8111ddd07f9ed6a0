"""The contract of the HTTP API and the page that shows it, for everybody."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.console.test_headers import POLICY, STATIC
from tests.support.browser import Browser

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "openapi.json"
# swagger-ui-dist 5.35.0 of npm, under the Apache licence in swagger-ui.LICENSE.txt.
SWAGGER_SHA256 = {
    "swagger-ui-bundle.js": "e6a898692f2d768e807c3ba4626068a69a2c5dd960dd6c76f3e4d3a3de180af2",
    "swagger-ui.css": "5ed08757e53da3e026d6cbecc61fe5d43585c9560b302d534ad56692519a273d",
}


def test_the_contract_is_served_to_everybody_and_kept_for_minutes(browser: Browser) -> None:
    answer = browser.get("/api/v1/openapi.json")
    assert (answer.status_code, answer.content) == (200, DOCUMENT.read_bytes())
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    assert (answer.headers["Content-Encoding"], answer.headers["Vary"]) == ("gzip", "Accept-Encoding")
    assert answer.headers["Content-Security-Policy"] == POLICY
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_the_root_leads_to_the_page_of_the_contract(browser: Browser) -> None:
    led = browser.get("/")
    assert (led.status_code, led.headers["Location"]) == (303, "/console/reference")
    page = browser.get("/console/reference")
    assert page.status_code == 200
    assert 'data-contract="/api/v1/openapi.json"' in page.text
    assert page.headers["Content-Security-Policy"] == POLICY
    assert page.headers["X-Frame-Options"] == "DENY"
    assert "Set-Cookie" not in page.headers


@pytest.mark.parametrize("name", SWAGGER_SHA256)
def test_the_renderer_is_the_published_file(name: str) -> None:
    assert hashlib.sha256((STATIC / name).read_bytes()).hexdigest() == SWAGGER_SHA256[name]
    assert "Apache License" in (STATIC / "swagger-ui.LICENSE.txt").read_text(encoding="utf-8")
