"""The console's sessions: who may log in, what the browser keeps, and what ends a session."""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64decode

import pytest

from shared.console.sessions import Session, Sessions
from shared.domain.requests.auth import hash_api_key
from shared.runtime.seals import Seals
from tests.conftest import MakeTenant
from tests.console.conftest import KnownSecret, OpenBrowser
from tests.support.browser import PAGES, SAME_ORIGIN, Browser
from tests.support.frontend import Frontend
from tests.support.tenant import Tenant

COOKIE, VISITOR = "convergence-session", "convergence-visitor"


def is_logged_in(browser: Browser) -> bool:
    answer = browser.get("/console/changes")
    assert answer.status_code in (200, 303)
    if answer.status_code == 303:
        assert answer.headers["Location"] == "/console/login?next=%2Fconsole%2Fchanges"
    return answer.status_code == 200


@pytest.mark.parametrize("path", PAGES)
def test_without_a_session_a_page_leads_to_the_login_and_back(browser: Browser, tenant: Tenant, path: str) -> None:
    answer = browser.get(path, period="7")
    assert (answer.status_code, answer.text) == (303, "")
    form = browser.form(answer.headers["Location"])
    logged_in = browser.post("/console/login", form | {"api_key": tenant.api_key})
    assert logged_in.headers["Location"] == f"{path}?period=7"


def test_the_browser_keeps_a_cookie_without_the_key(browser: Browser, tenant: Tenant) -> None:
    form = browser.form("/console/login") | {"api_key": tenant.api_key}
    answer = browser.post("/console/login", form)
    kept = answer.headers["Set-Cookie"].partition(", convergence-visitor")[0]
    assert kept.startswith(f"{COOKIE}=")
    assert {"HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=28800"} <= set(kept.split("; "))
    sealed = urlsafe_b64decode(str(browser.cookie(COOKIE)))
    for secret in (tenant.api_key, hash_api_key(tenant.api_key), tenant.tenant_id):
        assert secret.encode() not in sealed
    assert is_logged_in(browser)


@pytest.mark.parametrize("key", ["", "nonsense", "acme_corp_api_wrongwrong", "é" * 50])
def test_a_wrong_key_begins_no_session(browser: Browser, key: str) -> None:
    answer = browser.post("/console/login", browser.form("/console/login") | {"api_key": key})
    assert answer.status_code == 401
    assert "This key is not valid." in answer.text
    assert not is_logged_in(browser)


def test_a_login_makes_a_new_session(browser: Browser, tenant: Tenant, sessions: Sessions) -> None:
    browser.get("/console/login")
    before = sessions.find("visitor", browser.cookie(VISITOR), now=time.time())
    planted = str(browser.cookie(VISITOR))
    browser.plant(COOKIE, planted)  # somebody else knows this value
    browser.log_in(tenant.api_key)
    after = sessions.find("tenant", browser.cookie(COOKIE), now=time.time())
    assert before is not None
    assert after is not None
    assert after.id != before.id
    assert browser.cookie(VISITOR) is None
    assert is_logged_in(browser)


@pytest.mark.parametrize("kind", ["visitor", "operator"])
def test_another_kind_of_session_is_no_tenants(browser: Browser, tenant: Tenant, sessions: Sessions, kind: str) -> None:
    other = Session(kind, int(time.time()), tenant.tenant_id, hash_api_key(tenant.api_key))  # type: ignore[arg-type] # of its kinds
    browser.plant(COOKIE, sessions.seal(other))
    assert not is_logged_in(browser)


def test_a_session_ends_after_its_time(browser: Browser, tenant: Tenant, sessions: Sessions) -> None:
    key = hash_api_key(tenant.api_key)
    for age, holds in ((28_000, True), (28_801, False)):
        aged = Session("tenant", int(time.time()) - age, tenant.tenant_id, key)
        browser.plant(COOKIE, sessions.seal(aged))
        assert is_logged_in(browser) is holds


def test_a_session_of_another_secret_is_none(browser: Browser, tenant: Tenant) -> None:
    forged = Sessions(Seals(KnownSecret(b"x" * 43)), 28_800)
    session = Session("tenant", int(time.time()), tenant.tenant_id, hash_api_key(tenant.api_key))
    for cookie in (forged.seal(session), "x", "", json.dumps({"tenant_id": tenant.tenant_id})):
        browser.plant(COOKIE, cookie)
        assert not is_logged_in(browser)


def test_a_session_names_its_keys_own_tenant_and_no_other(
    browser: Browser, make_tenant: MakeTenant, tenant: Tenant, sessions: Sessions
) -> None:
    other = make_tenant()
    session = Session("tenant", int(time.time()), other.tenant_id, hash_api_key(tenant.api_key))
    browser.plant(COOKIE, sessions.seal(session))
    assert not is_logged_in(browser)


def test_a_revoked_key_ends_the_session(browser: Browser, frontend: Frontend) -> None:
    browser.log_in(frontend.tenant.api_key)
    frontend.sql("UPDATE {tenants}.tenant_api_keys SET is_active = FALSE WHERE tenant_id = @tenant_id")
    assert not is_logged_in(browser)
    assert browser.cookie(COOKIE) is None


def test_a_suspended_tenant_ends_the_session_and_the_login_says_why(browser: Browser, frontend: Frontend) -> None:
    browser.log_in(frontend.tenant.api_key)
    frontend.sql("UPDATE {tenants}.tenant_profiles SET status = 'SUSPENDED' WHERE tenant_id = @tenant_id")
    assert not is_logged_in(browser)
    form = browser.form("/console/login") | {"api_key": frontend.tenant.api_key}
    answer = browser.post("/console/login", form)
    assert answer.status_code == 403
    assert "The tenant is not active. Ask your operator." in answer.text


def test_logging_out_ends_the_session_in_this_browser(browser: Browser, tenant: Tenant) -> None:
    browser.log_in(tenant.api_key)
    answer = browser.post("/console/logout", browser.form("/console/changes"))
    assert (answer.status_code, answer.headers["Location"]) == (303, "/console/login")
    assert browser.cookie(COOKIE) is None
    assert not is_logged_in(browser)


def test_a_link_logs_in_once_and_looking_at_it_does_not(open_browser: OpenBrowser, tenant: Tenant) -> None:
    first, second = open_browser(), open_browser()
    made = first.session.post(f"{first.address}/console/links", headers={"X-API-Key": tenant.api_key})
    assert made.status_code == 201
    link = made.text.strip().removeprefix(first.address)
    for _ in range(2):
        shown = first.get(link)
        assert shown.status_code == 200
        assert tenant.tenant_id in shown.text  # so nobody enters another tenant's figures unawares
    assert not is_logged_in(first)
    assert first.post("/console/link", first.form(link)).headers["Location"] == "/console/costs"
    assert is_logged_in(first)
    token = link.partition("token=")[2]
    used = second.get(link), second.post("/console/link", second.form("/console/login") | {"token": token})
    for again in used:
        assert again.status_code == 401
        assert "This link has been used, or is too old." in again.text


def test_a_link_needs_a_live_key(browser: Browser, tenant: Tenant) -> None:
    browser.log_in(tenant.api_key)  # the session is no key
    for headers in ({}, {"X-API-Key": "nonsense"}):
        assert browser.post("/console/links", {}, headers={**SAME_ORIGIN, **headers}).status_code == 303
    assert browser.post("/console/link", browser.form("/console/login") | {"token": "x"}).status_code == 401
