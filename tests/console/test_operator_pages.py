"""The operators' pages: the overview, the tenants, and a tenant's runs."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from uuid import UUID

import pytest

from shared.console.formats import span
from tests.conftest import JobsOf, MakeFrontend
from tests.console.conftest import CANARY, LogInOperator
from tests.support.browser import Browser
from tests.support.frontend import Frontend
from tests.support.planted_runs import STEPS, plant_run
from tests.support.run_rows import count_starts_today

HOME, PATH = "/console/operator", "/console/operator/tenants"


@pytest.fixture
def operator(browser: Browser, log_in_operator: LogInOperator) -> Browser:
    """A browser in which an operator has logged in."""
    return log_in_operator(browser)


@pytest.fixture(scope="module")
def busy(make_connected: MakeFrontend) -> Frontend:
    """A tenant with a hostile name, a failed run and a waiting one, near its daily limit. Tests may only look."""
    frontend = make_connected()
    frontend.sql("UPDATE {tenants}.tenant_profiles SET company_name = @name WHERE tenant_id = @tenant_id", name=CANARY)
    plant_run(frontend, steps=STEPS[:1], status="FAILED", error_class="STEP_FAILED", error_message=CANARY)
    frontend.start()
    count_starts_today(frontend, 23)
    frontend.sql("UPDATE {tenants}.tenant_usage_quotas SET pipelines_failed_today = 3 WHERE tenant_id = @tenant_id")
    return frontend


def row_of(page: str, tenant_id: str) -> str:
    """The words of the tenant's row."""
    (row,) = [row for row in re.findall(r"<tr>.*?</tr>", page, re.DOTALL) if f"/{tenant_id}/runs" in row]
    return " ".join(re.sub(r"<[^>]+>", " ", row).split())


def page_after(frontend: Frontend) -> dict[str, str]:
    """The query of the list that begins with this tenant, however many others there are."""
    return {"after": frontend.tenant_id[:-1]}


def figure(page: str, name: str) -> int:
    (found,) = re.findall(rf"data-{name}>([\d,]+)<", page)
    return int(found.replace(",", ""))


def test_the_overview_shows_the_queue_jobs_and_tenants_near_their_limit(
    operator: Browser, busy: Frontend, jobs_of: JobsOf
) -> None:
    answer = operator.get(HOME)
    page = answer.text
    assert answer.status_code == 200
    assert [job["labels"]["statement"] for job in jobs_of(answer.headers["X-Request-ID"])] == ["read_status"]
    assert figure(page, "waiting") == sum(
        int(count) for count in re.findall(r'<td class="number">(\d+)</td></tr>', table(page, "waiting"))
    )
    assert figure(page, "waiting") >= 1
    assert "New; the dispatcher has not looked at it" in page
    assert row_of(table(page, "near"), busy.tenant_id).startswith(f"{busy.tenant_id} 23 25")
    assert len(re.findall(r"data-job=", page)) == 4
    assert 'aria-current="page"' in page


def test_overdue_work_is_told(operator: Browser, busy: Frontend) -> None:
    long_ago = (datetime.now(UTC) - timedelta(hours=26, minutes=5)).isoformat()
    busy.sql("DELETE FROM {tenants}.scheduler_job_runs WHERE job = 'reset_daily_quotas'")  # of other tests
    busy.sql(
        "INSERT INTO {tenants}.scheduler_job_runs (job, started_at, outcome) "
        "VALUES ('reset_daily_quotas', TIMESTAMP(@at), 'SUCCESS')",
        at=long_ago,
    )
    page = operator.get(HOME).text
    assert re.search(r'data-overdue="reset_daily_quotas">.*for 1 d 2 h, since', page)
    assert "Nothing is overdue" not in page
    (row,) = re.findall(r'data-job="reset_daily_quotas">.*?</tr>', page, re.DOTALL)
    assert "overdue" in row


def test_the_list_shows_what_a_tenant_used_and_what_waits(operator: Browser, busy: Frontend, jobs_of: JobsOf) -> None:
    answer = operator.get(PATH, **page_after(busy))
    assert [job["labels"]["statement"] for job in jobs_of(answer.headers["X-Request-ID"])] == ["list_tenants"]
    words = row_of(answer.text, busy.tenant_id)
    assert f"{CANARY} Active 23 of 25 3 0 of 3 1 " in unescape(words)
    assert words.endswith((" s", " min"))  # for how long a run has waited
    assert CANARY not in answer.text
    assert operator.get(PATH, after="zzzz").text.count("No more tenants") == 1


def test_a_tenants_runs_are_shown_with_the_commands_that_change_it(
    operator: Browser, busy: Frontend, jobs_of: JobsOf
) -> None:
    path = f"{PATH}/{busy.tenant_id}/runs"
    answer = operator.get(path)
    page = answer.text
    statements = sorted(job["labels"]["statement"] for job in jobs_of(answer.headers["X-Request-ID"]))
    assert statements == ["list_runs", "list_tenants"]
    assert sorted(re.findall(r'data-run-status="(\w+)"', page)) == ["FAILED", "RUNNING"]
    assert re.findall(r'data-run-status="(\w+)"', operator.get(path, status="FAILED").text) == ["FAILED"]
    for words in ("suspend", "rotate-key", "limits"):
        assert f"python -m convergence tenants {words} {busy.tenant_id}" in page
    assert "resume" not in page
    assert operator.get(path, page_token="x").status_code == 400
    for run in re.findall(rf'href="({path}/[^"?]+)"', page):
        shown = operator.get(run)
        assert (shown.status_code, CANARY in shown.text) == (200, False)
        assert re.findall(r'<form[^>]*action="([^"]*)"', shown.text) == ["/console/operator/logout"]  # no other button
    assert CANARY not in page


def test_no_action_of_the_operator_reaches_a_tenants_run(operator: Browser, busy: Frontend) -> None:
    form = operator.form(HOME)
    (run_id,) = busy.list_run_ids(status="RUNNING")
    path = f"{PATH}/{busy.tenant_id}/runs/{run_id}"
    assert [operator.post(f"{path}/{action}", form).status_code for action in ("cancel", "retry")] == [404, 404]
    refused = operator.post(f"/console/runs/{run_id}/cancel", form)
    assert refused.headers["Location"] == "/console/login"
    assert busy.get_run(run_id)["cancel_requested"] is False


@pytest.mark.parametrize("tenant_id", ["nobody_at_all", "tenants", "x_staging", "A'; DROP"])
def test_a_tenant_that_does_not_exist_is_not_found(operator: Browser, tenant_id: str) -> None:
    assert operator.get(f"{PATH}/{tenant_id}/runs").status_code == 404
    assert operator.get(f"{PATH}/{tenant_id}/runs/{UUID(int=7)}").status_code == 404


def test_a_suspended_tenant_without_a_subscription_is_shown_as_such(operator: Browser, frontend: Frontend) -> None:
    frontend.sql("UPDATE {tenants}.tenant_profiles SET status = 'SUSPENDED' WHERE tenant_id = @tenant_id")
    frontend.sql("DELETE FROM {tenants}.tenant_subscriptions WHERE tenant_id = @tenant_id")
    words = row_of(operator.get(PATH, **page_after(frontend)).text, frontend.tenant_id)
    assert "Suspended 0, no live subscription 0 0 0" in words
    page = operator.get(f"{PATH}/{frontend.tenant_id}/runs").text
    assert f"python -m convergence tenants resume {frontend.tenant_id}" in page
    assert "The tenant has started no run." in page


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h 0 min"),
        (86_400 * 2 + 3600 * 5, "2 d 5 h"),
    ],
)
def test_a_span_has_its_two_largest_units(value: float, text: str) -> None:
    assert span(value) == text


def table(page: str, name: str) -> str:
    (found,) = re.findall(rf'data-table="{name}">(.*?)</table>', page, re.DOTALL)
    return str(found)
