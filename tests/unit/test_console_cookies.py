"""The console's cookies over HTTPS: only this host can set them, and only over HTTPS."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Response
from werkzeug.datastructures import Headers

from shared.configuration.settings import get_settings
from shared.console.cookies import drop_cookie, read_cookie, write_cookie
from shared.console.policies import is_from_here


@pytest.fixture
def https(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in (("PROJECT_ID", "p"), ("BIGQUERY_LOCATION", "US"), ("CONSOLE_URL", "https://costs.example.com")):
        monkeypatch.setenv(name, value)
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


@pytest.mark.usefixtures("https")
def test_over_https_a_cookie_is_of_this_host_alone() -> None:
    response = Response()
    write_cookie(response, "tenant", "sealed", seconds=60)
    name, *attributes = response.headers["Set-Cookie"].split("; ")
    assert name == "__Host-convergence-session=sealed"
    kept = {attribute for attribute in attributes if not attribute.startswith("Expires=")}
    assert kept == {"Secure", "HttpOnly", "Path=/", "SameSite=Strict", "Max-Age=60"}


@pytest.mark.usefixtures("https")
def test_over_https_a_cookie_with_another_name_is_no_session() -> None:
    def cookie(text: str) -> str | None:
        return read_cookie(Headers({"Cookie": text}), "tenant")

    assert cookie("convergence-session=planted") is None
    assert cookie("convergence-session=planted; __Host-convergence-session=sealed") == "sealed"


@pytest.mark.usefixtures("https")
def test_a_cookie_is_dropped_under_the_name_that_it_has() -> None:
    response = Response()
    drop_cookie(response, "tenant")
    dropped = response.headers["Set-Cookie"]
    assert dropped.startswith("__Host-convergence-session=;")
    assert {"Max-Age=0", "Secure", "Path=/"} <= set(dropped.split("; "))


@pytest.mark.usefixtures("https")
@pytest.mark.parametrize(
    ("headers", "is_own"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, True),  # with Referrer-Policy: no-referrer
        ({"Origin": "https://costs.example.com"}, True),
        ({"Origin": "http://costs.example.com"}, False),
        ({"Origin": "https://costs.example.com.evil.example"}, False),
        ({"Origin": "https://costs.example.com:444"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "https://costs.example.com"}, False),
        ({"Sec-Fetch-Site": "", "Origin": "null"}, False),
        ({}, False),
    ],
)
def test_a_form_has_to_come_from_the_consoles_own_address(headers: dict[str, str], is_own: bool) -> None:
    assert is_from_here(Headers(headers)) is is_own
