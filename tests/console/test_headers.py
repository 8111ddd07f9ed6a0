"""The headers of every answer of the console, and the files that pages need."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from tests.console.conftest import DAYS
from tests.support.browser import Browser

STATIC = Path(__file__).resolve().parents[2] / "shared" / "console" / "static"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
# Chart.js 4.6.1, dist/chart.umd.min.js of the npm package, under the MIT licence in chart.LICENSE.txt.
CHART_SHA256 = "87364cc2b2a76a6684929e7d6b80b18a897794db38400caff1fcf1791c6925d2"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/console", 303),
        ("/console/login", 200),
        ("/console/link", 401),
        ("/console/costs?from=2024-03-01&to=2024-03-02", 200),
        ("/console/costs?from=x", 400),
        ("/console/costs/latest", 303),
        ("/console/changes", 200),
        ("/console/changes?page_token=x", 400),
        ("/console/nothing", 404),
        ("/console/logout", 405),
        ("/console/static/nothing.css", 404),
    ],
)
def test_every_answer_has_the_headers_that_protect_it(reader: Browser, path: str, status: int) -> None:
    answer = reader.get(path)
    assert answer.status_code == status
    assert answer.headers["Content-Security-Policy"] == POLICY
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "camera=()" in answer.headers["Permissions-Policy"]
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert status == 303 or answer.headers["Content-Type"] == "text/html; charset=utf-8"


def test_a_page_needs_nothing_inline_and_nothing_of_another_origin(reader: Browser) -> None:
    for page in (reader.get("/console/costs", **DAYS).text, reader.get("/console/login").text):
        assert re.findall(r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=", page) == []
        assert re.findall(r"""(?:src|href|action)=["'](?!/console|#)""", page) == []


def test_files_are_kept_under_a_name_with_their_hash(reader: Browser) -> None:
    page = reader.get("/console/costs", **DAYS).text
    paths = re.findall(r'(?:src|href)="(/console/static/[^"]*)"', page)
    assert len(set(paths)) == 5
    for path in set(paths):
        answer = reader.get(path)
        name, digest, suffix = path.rpartition("/")[2].split(".")
        assert answer.content == (STATIC / f"{name}.{suffix}").read_bytes()
        assert hashlib.sha256(answer.content).hexdigest().startswith(digest)
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        plain = reader.session.get(reader.address + path, headers={"Accept-Encoding": "identity, gzip;q=0"})
        assert (plain.content, plain.headers.get("Content-Encoding")) == (answer.content, None)
        assert (answer.headers["Content-Encoding"], answer.headers["Vary"]) == ("gzip", "Accept-Encoding")
    assert reader.get("/console/static/console.css").status_code == 404


def test_the_chart_library_is_the_published_file() -> None:
    assert hashlib.sha256((STATIC / "chart.js").read_bytes()).hexdigest() == CHART_SHA256
    assert "Permission is hereby granted" in (STATIC / "chart.LICENSE.txt").read_text(encoding="utf-8")
