"""Only a page of the console may send the console's forms, and only within the session that it was made for."""

from __future__ import annotations

import pytest

from tests.conftest import MakeTenant
from tests.console.conftest import OpenBrowser
from tests.support.browser import SAME_ORIGIN, Browser
from tests.support.tenant import Tenant

STALE = "This form is out of date or came from another site."


@pytest.fixture
def logged_in(browser: Browser, tenant: Tenant) -> Browser:
    return browser.log_in(tenant.api_key)


@pytest.mark.parametrize("token", [None, "", "wrong", "é"])
def test_a_form_needs_the_sessions_token(logged_in: Browser, token: str | None) -> None:
    answer = logged_in.post("/console/logout", {"other": "field"} if token is None else {"form_token": token})
    assert answer.status_code == 403
    assert STALE in answer.text
    assert logged_in.get("/console/changes").status_code == 200


def test_the_token_of_another_session_is_refused(
    logged_in: Browser, open_browser: OpenBrowser, make_tenant: MakeTenant, tenant: Tenant
) -> None:
    for key in (make_tenant().api_key, tenant.api_key):  # another tenant's, and another session of the same one
        form = open_browser().log_in(key).form("/console/changes")
        assert logged_in.post("/console/logout", form).status_code == 403
    visitors = open_browser().form("/console/login")
    assert logged_in.post("/console/logout", visitors).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {},
        {"Sec-Fetch-Site": "cross-site", "Origin": "{own}"},
    ],
)
def test_a_form_of_another_site_is_refused(logged_in: Browser, headers: dict[str, str]) -> None:
    form = logged_in.form("/console/changes")
    sent = {name: value.replace("{own}", logged_in.address) for name, value in headers.items()}
    assert logged_in.post("/console/logout", form, headers=sent).status_code == 403
    assert logged_in.get("/console/changes").status_code == 200


def test_an_older_browser_says_it_with_origin_alone(logged_in: Browser) -> None:
    form = logged_in.form("/console/changes")
    assert logged_in.post("/console/logout", form, headers={"Origin": logged_in.address}).status_code == 303


def test_a_login_form_needs_the_token_of_its_browser(
    browser: Browser, open_browser: OpenBrowser, tenant: Tenant
) -> None:
    others = open_browser().form("/console/login") | {"api_key": tenant.api_key}
    assert browser.post("/console/login", others).status_code == 403  # without a cookie
    browser.get("/console/login")
    assert browser.post("/console/login", others).status_code == 403  # with the cookie of its own
    assert browser.cookie("convergence-session") is None


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"form_token=a&form_token=b", "application/x-www-form-urlencoded", 400),
        (b"form_token=%ff", "application/x-www-form-urlencoded", 400),
        (b"\xff", "application/x-www-form-urlencoded", 400),
        (b"a=1&" * 200, "application/x-www-form-urlencoded", 400),
        (b"{}", "application/json", 415),
        (b"a=" + b"x" * 300_000, "application/x-www-form-urlencoded", 413),
    ],
    ids=["twice", "no UTF-8, encoded", "no UTF-8", "many fields", "JSON", "large"],
)
def test_a_malformed_form_is_an_error_page(logged_in: Browser, body: bytes, content_type: str, status: int) -> None:
    headers = {**SAME_ORIGIN, "Content-Type": content_type}
    answer = logged_in.session.post(f"{logged_in.address}/console/logout", data=body, headers=headers)
    assert answer.status_code == status
    assert f'data-status="{status}"' in answer.text
