"""An operator's session: who gets one, what ends it, and that it and a tenant's session open different pages."""

from __future__ import annotations

import hashlib
import time

import pytest

from devcloud.server import Devcloud
from shared.console.sessions import Session, Sessions
from shared.runtime.callers import REFUSALS_AT_ONCE
from tests.console.conftest import LogInOperator, OpenBrowser
from tests.support.browser import OPERATOR_PAGES, PAGES, Browser
from tests.support.tenant import Tenant

LOGIN, HOME = "/console/operator/login", "/console/operator"
COOKIE = "convergence-operator"


def opens(browser: Browser) -> bool:
    """Whether the browser is let into an operator's page."""
    answer = browser.get("/console/operator/tenants")
    if answer.status_code == 303:
        assert answer.headers["Location"] == f"{LOGIN}?next=%2Fconsole%2Foperator%2Ftenants"
    return answer.status_code == 200


def test_the_admin_key_begins_a_session_and_the_cookie_does_not_hold_it(
    browser: Browser, log_in_operator: LogInOperator, cloud: Devcloud, sessions: Sessions
) -> None:
    browser.get(LOGIN)
    before = sessions.find("visitor", browser.cookie("convergence-visitor"), now=time.time())
    log_in_operator(browser)
    after = sessions.find("operator", browser.cookie(COOKIE), now=time.time())
    assert before is not None
    assert after is not None
    assert after.id != before.id
    assert cloud.ready["admin_key"] not in (*vars(after).values(), browser.cookie(COOKIE))
    assert browser.cookie("convergence-visitor") is None
    assert opens(browser)
    assert sessions.find("tenant", browser.cookie(COOKIE), now=time.time()) is None


@pytest.mark.parametrize("path", OPERATOR_PAGES)
def test_without_a_session_a_page_leads_to_the_operators_login_and_back(
    browser: Browser, cloud: Devcloud, path: str
) -> None:
    answer = browser.get(path)
    assert (answer.status_code, answer.text) == (303, "")
    form = browser.form(answer.headers["Location"]) | {"admin_key": cloud.ready["admin_key"]}
    assert browser.post(LOGIN, form).headers["Location"] == path


@pytest.mark.parametrize(
    "wanted", ["/console/costs", "/console/operators", "https://evil.example", "/console/operator#x"]
)
def test_the_operators_login_leads_to_operators_pages_only(browser: Browser, cloud: Devcloud, wanted: str) -> None:
    form = browser.form(LOGIN) | {"admin_key": cloud.ready["admin_key"], "next": wanted}
    assert browser.post(LOGIN, form).headers["Location"] == HOME


@pytest.mark.parametrize("key", ["", "nonsense", "é" * 50, "{tenants}"])
def test_a_wrong_key_begins_no_session(browser: Browser, tenant: Tenant, key: str) -> None:
    offered = key.replace("{tenants}", tenant.api_key)
    answer = browser.post(LOGIN, browser.form(LOGIN) | {"admin_key": offered})
    assert (answer.status_code, "This is not the present admin key." in answer.text) == (401, True)
    assert browser.cookie(COOKIE) is None


def test_the_admin_key_is_no_tenants_key(browser: Browser, cloud: Devcloud) -> None:
    form = browser.form("/console/login") | {"api_key": cloud.ready["admin_key"]}
    assert browser.post("/console/login", form).status_code == 401


def test_wrong_keys_of_an_address_are_limited(browser: Browser) -> None:
    form = browser.form(LOGIN) | {"admin_key": "nonsense"}
    headers = {"Sec-Fetch-Site": "same-origin", "X-Forwarded-For": "198.51.100.7"}
    answers = [browser.post(LOGIN, form, headers=headers) for _ in range(REFUSALS_AT_ONCE)]
    assert {answer.status_code for answer in answers} == {401}
    for _ in range(REFUSALS_AT_ONCE):
        refused = browser.post(LOGIN, form, headers=headers)
        if refused.status_code == 429:
            break
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")
    assert browser.post(LOGIN, form).status_code == 401  # another address


def test_a_login_form_needs_the_token_of_its_browser(
    browser: Browser, open_browser: OpenBrowser, cloud: Devcloud
) -> None:
    others = open_browser().form(LOGIN) | {"admin_key": cloud.ready["admin_key"]}
    assert browser.post(LOGIN, others).status_code == 403  # without a cookie
    form = browser.form(LOGIN) | {"admin_key": cloud.ready["admin_key"]}
    assert browser.post(LOGIN, others).status_code == 403  # with the cookie of its own
    assert browser.post(LOGIN, form, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert browser.cookie(COOKIE) is None


def test_a_session_of_another_admin_key_is_none(
    browser: Browser, log_in_operator: LogInOperator, cloud: Devcloud, sessions: Sessions
) -> None:
    digest = hashlib.sha256(cloud.ready["admin_key"].encode()).hexdigest()
    rotated = hashlib.sha256(b"the key before the rotation").hexdigest()
    for key, age, holds in ((digest, 28_000, True), (digest, 28_801, False), (rotated, 0, False), ("", 0, False)):
        log_in_operator(browser)
        browser.plant(COOKIE, sessions.seal(Session("operator", int(time.time()) - age, admin_key_hash=key)))
        assert opens(browser) is holds
    assert browser.cookie(COOKIE) is None  # the browser is told to forget it


@pytest.mark.parametrize("path", [*OPERATOR_PAGES, "/console/operator/tenants/{own}/runs"])
def test_a_tenants_session_opens_no_operators_page(
    browser: Browser, tenant: Tenant, sessions: Sessions, path: str
) -> None:
    browser.log_in(tenant.api_key)
    browser.plant(COOKIE, str(browser.cookie("convergence-session")))
    answer = browser.get(path.replace("{own}", tenant.tenant_id))
    assert (answer.status_code, answer.text) == (303, "")
    assert answer.headers["Location"].startswith(f"{LOGIN}?next=")


@pytest.mark.parametrize("path", PAGES)
def test_an_operators_session_opens_no_tenants_page(
    browser: Browser, log_in_operator: LogInOperator, path: str
) -> None:
    log_in_operator(browser)
    browser.plant("convergence-session", str(browser.cookie(COOKIE)))
    answer = browser.get(path)
    assert (answer.status_code, answer.text) == (303, "")
    assert answer.headers["Location"].startswith("/console/login?next=")


def test_logging_out_needs_the_sessions_form_and_ends_the_session(
    browser: Browser, open_browser: OpenBrowser, log_in_operator: LogInOperator
) -> None:
    form = log_in_operator(browser).form(HOME)
    others = log_in_operator(open_browser()).form(HOME)
    for refused in (others, form | {"form_token": ""}, {"x": "y"}):
        assert browser.post(f"{HOME}/logout", refused).status_code == 403
    assert browser.post(f"{HOME}/logout", form, headers={"Origin": "https://evil.example"}).status_code == 403
    assert opens(browser)
    answer = browser.post(f"{HOME}/logout", form)
    assert (answer.status_code, answer.headers["Location"]) == (303, LOGIN)
    assert browser.cookie(COOKIE) is None
