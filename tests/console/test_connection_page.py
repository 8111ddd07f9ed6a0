"""Connection: what is connected, whether it works, and what to paste; never a secret."""

from __future__ import annotations

import re
from html import unescape

import pytest

from tests.conftest import JobsOf
from tests.console.conftest import OpenBrowser
from tests.support.browser import Browser
from tests.support.frontend import Frontend

PATH = "/console/connection"


@pytest.fixture
def owner(frontend: Frontend, browser: Browser) -> Browser:
    return browser.log_in(frontend.tenant.api_key)


def test_without_a_credential_the_page_says_what_to_paste(owner: Browser, frontend: Frontend) -> None:
    page = owner.get(PATH).text
    assert "No cloud is connected" in page
    pasted = [unescape(text) for text in re.findall(r'<pre class="paste"[^>]*>(.*?)</pre>', page, re.DOTALL)]
    for provider in ("AWS", "AZURE", "GCP"):
        guide = frontend.api.get(f"{frontend.credentials_path}/setup", params={"provider": provider}).json()
        assert {step["paste"] for step in guide["steps"]} <= set(pasted)


def test_a_credential_shows_what_it_names_and_no_secret(owner: Browser, frontend: Frontend, jobs_of: JobsOf) -> None:
    export = f"{frontend.tenant.project}.billing.<script>"
    frontend.store_keyless(billing_export_table=f"{frontend.tenant.project}.billing.export")
    frontend.sql(
        "UPDATE {tenants}.tenant_cloud_credentials SET source = @source WHERE tenant_id = @tenant_id", source=export
    )
    answer = owner.get(PATH)
    assert len(jobs_of(answer.headers["X-Request-ID"])) <= 2
    assert (export in answer.text, export in unescape(answer.text)) == (False, True)
    (stored,) = frontend.central("tenant_cloud_credentials")
    assert str(stored["encrypted_credentials"]) not in answer.text
    assert "impersonates" in answer.text


def test_a_credential_that_works_is_told_however_often(owner: Browser, frontend: Frontend) -> None:
    assert frontend.store(frontend.tenant.gcp_credentials).status_code == 201
    form = owner.form(PATH)
    for _ in range(2):
        answer = owner.post(f"{PATH}/gcp/verify", form)
        assert (answer.status_code, 'data-verified="yes"' in answer.text) == (200, True)
    assert frontend.tenant.gcp_key["private_key"].split("\n")[1] not in answer.text
    assert frontend.tenant.gcp_key["private_key_id"] not in answer.text


def test_a_credential_that_does_not_work_names_what_to_grant(owner: Browser, frontend: Frontend) -> None:
    frontend.store_keyless(billing_export_table=f"{frontend.tenant.project}.billing.missing")
    answer = owner.post(f"{PATH}/gcp/verify", owner.form(PATH))
    assert (answer.status_code, 'data-verified="no"' in answer.text) == (200, True)
    verified = frontend.api.post(f"{frontend.credentials_path}/GCP/verify").json()
    assert [problem["message"] in unescape(answer.text) for problem in verified["problems"]] == [True]


@pytest.mark.parametrize("provider", ["gcp", "aws", "nothing"])
def test_a_trial_needs_a_credential_of_this_tenant(owner: Browser, provider: str) -> None:
    answer = owner.post(f"{PATH}/{provider}/verify", owner.form("/console/changes"))
    assert (answer.status_code, 'role="alert"' in answer.text) == (404, True)


def test_a_trial_needs_the_tenants_session_and_its_form(owner: Browser, open_browser: OpenBrowser) -> None:
    form = owner.form("/console/changes")
    assert owner.post(f"{PATH}/gcp/verify", form | {"form_token": "x"}).status_code == 403
    assert open_browser().post(f"{PATH}/gcp/verify", form).headers["Location"] == "/console/login"
