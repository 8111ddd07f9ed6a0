"""Links into the console: from other sites, and back from the login."""

from __future__ import annotations

import re

import pytest

from shared.console.pages.login import next_path
from tests.support.browser import Browser


@pytest.mark.parametrize("path", ["/console/costs", "/console/costs?period=7&filter=service:A%20B", "/console/runs/a"])
def test_the_login_leads_back_to_a_page_of_the_console(path: str) -> None:
    assert next_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        "", "https://evil.example", "//evil.example", "/\\evil.example", "/console/../api", "/console/costs\r\nX: y",
        "/console/costs#x", "/console//evil.example", "javascript:alert(1)", "/console/" + "a" * 1000, "/api/v1/costs",
    ],
)  # fmt: skip
def test_the_login_leads_nowhere_else(path: str) -> None:
    assert next_path(path) == ""


def test_a_link_of_another_site_is_followed_once_more_from_the_console(reader: Browser) -> None:
    page = reader.session.get(
        f"{reader.address}/console/costs?from=2024-03-01&to=2024-03-02",
        headers={"Sec-Fetch-Site": "cross-site", "Cookie": ""},  # SameSite=Strict: the browser leaves it out
    )
    (target,) = re.findall(r'<meta http-equiv="refresh" content="0; url=([^"]*)">', page.text)
    assert page.status_code == 200
    assert "Set-Cookie" not in page.headers
    assert reader.get(target.replace("&amp;", "&")).status_code == 200  # still logged in
