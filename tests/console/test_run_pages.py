"""Runs and a run: what is shown, and the two buttons that cancel a run and start it again."""

from __future__ import annotations

import re
from uuid import UUID

import pytest

from shared.console.run_view import REMEDIES
from tests.conftest import JobsOf, MakeFrontend
from tests.console.conftest import CANARY, OpenBrowser
from tests.support.browser import Browser
from tests.support.frontend import Frontend
from tests.support.planted_runs import STEPS, plant_check, plant_run
from tests.support.run_rows import count_starts_today

PATH = "/console/runs"
NOBODYS = str(UUID(int=7))


@pytest.fixture(scope="module")
def runner(make_connected: MakeFrontend) -> Frontend:
    """A tenant with runs of every status. Tests may only look at them."""
    frontend = make_connected()
    done = plant_run(
        frontend, steps=STEPS, dates=["2025-11-16", "2025-11-17"], rows_published=604, warnings=["null_rates"]
    )
    plant_check(frontend, done)
    warned = {"severity": "warn", "passed": False, "observed": "40 % NULL", "expected": "at most 5 % more"}
    plant_check(frontend, done, check_id="null_rates", **warned)
    plant_run(frontend, status="CANCELLED", pipeline_id="aws-cost-billing")
    said = f"The check {CANARY} did not pass."
    failed = plant_run(
        frontend,
        steps=(*STEPS[:2], STEPS[2] | {"status": "FAILED", "error_message": said, "step_type": CANARY}),
        status="FAILED", error_class="CHECK_FAILED", error_message=said, user_id=CANARY,
        parameters={"billing_export_table": CANARY},
    )  # fmt: skip
    sample = [{"service": CANARY, "cost": "1.25"}, {"service": "BigQuery", "cost": None, CANARY: "x"}]
    facts = {"observed": CANARY, "expected": "302 rows", "failed_rows": 2, "sample": sample}
    plant_check(frontend, failed, passed=False, **facts)
    return frontend


@pytest.fixture
def looking(runner: Frontend, browser: Browser) -> Browser:
    return browser.log_in(runner.tenant.api_key)


def run_of(frontend: Frontend, status: str) -> str:
    (run_id,) = frontend.list_run_ids(status=status)
    return run_id


def statuses_of(page: str) -> list[str]:
    return re.findall(r'data-run-status="(\w+)"', page)


def test_the_list_has_every_run_with_its_days_rows_and_warnings(looking: Browser) -> None:
    page = looking.get(PATH).text
    assert sorted(statuses_of(page)) == ["CANCELLED", "COMPLETED", "FAILED"]
    (row,) = [row for row in re.findall(r"<tr>.*?</tr>", page, re.DOTALL) if "COMPLETED" in row]
    text = " ".join(re.sub(r"<[^>]+>", " ", row).split())
    assert (
        text == "gcp-cost-billing Completed 1 warning 18 Nov 2025, 09:30 UTC 16 Nov 2025 to 17 Nov 2025 604 user_4711"
    )


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"status": "FAILED"}, ["FAILED"]),
        ({"pipeline_id": "aws-cost-billing"}, ["CANCELLED"]),
        ({"status": "FAILED", "pipeline_id": "aws-cost-billing"}, []),
        ({"status": "PENDING"}, []),
    ],
)
def test_filters_choose_runs(looking: Browser, query: dict[str, str], found: list[str]) -> None:
    page = looking.get(PATH, **query).text
    assert statuses_of(page) == found
    assert ("No such runs" in page) == (found == [])


@pytest.mark.parametrize("query", [{"status": "BROKEN"}, {"page_token": "x"}, {"pipeline_id": CANARY}])
def test_a_wrong_filter_is_told(looking: Browser, query: dict[str, str]) -> None:
    answer = looking.get(PATH, **query)
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
    assert CANARY not in answer.text


def test_a_run_has_its_steps_on_one_line_of_time(looking: Browser, runner: Frontend) -> None:
    page = looking.get(f"{PATH}/{run_of(runner, 'COMPLETED')}").text
    bars = re.findall(r'class="good" x="([\d.]+)%" width="([\d.]+)%"', page)
    # From the first step's begin to the last one's end there are 15.75 seconds.
    wanted = [(begins - 1, ends - begins) for begins, ends in (step["seconds"] for step in STEPS)]
    assert bars == [(f"{begin / 15.75:.2%}"[:-1], f"{length / 15.75:.2%}"[:-1]) for begin, length in wanted]
    assert ["16 s" in page, "4.2 s" in page, "31,457,280" in page] == [True] * 3
    assert 'data-check="null_rates"' in page
    assert "1 check passed" in page


def test_a_failed_run_says_what_to_do_and_shows_the_rows(looking: Browser, runner: Frontend) -> None:
    page = looking.get(f"{PATH}/{run_of(runner, 'FAILED')}").text
    assert REMEDIES["CHECK_FAILED"] in page
    (sample,) = re.findall(r'data-table="sample">(.*?)</table>', page, re.DOTALL)
    assert re.findall(r"<td>(.*?)</td>", sample).count("BigQuery") == 1
    assert "&lt;script&gt;" in sample
    assert CANARY not in page


def test_a_page_takes_at_most_two_jobs_of_its_own(looking: Browser, runner: Frontend, jobs_of: JobsOf) -> None:
    def statements(path: str) -> list[str]:
        jobs = jobs_of(looking.get(path).headers["X-Request-ID"])
        return sorted({job["labels"]["statement"] for job in jobs} - {"find_key_owner"})  # once in 30 seconds

    assert statements(PATH) == ["list_runs"]
    assert statements(f"{PATH}/{run_of(runner, 'FAILED')}") == ["find_run", "find_run_details"]


def test_nobody_sees_a_run_of_another_tenant(
    looking: Browser, runner: Frontend, open_browser: OpenBrowser, frontend: Frontend
) -> None:
    other = open_browser().log_in(frontend.tenant.api_key)
    assert "No runs yet" in other.get(PATH).text
    form = other.form("/console/changes")
    for run_id in (run_of(runner, "FAILED"), NOBODYS, "x"):
        assert other.get(f"{PATH}/{run_id}").status_code == 404
        for action in ("cancel", "retry"):
            assert other.post(f"{PATH}/{run_id}/{action}", form | {"once": "1"}).status_code == 404
    assert looking.get(f"{PATH}/{NOBODYS}").status_code == 404
    assert sorted(statuses_of(looking.get(PATH).text)) == ["CANCELLED", "COMPLETED", "FAILED"]


@pytest.mark.parametrize("action", ["cancel", "retry"])
def test_actions_need_a_session_and_its_form(
    looking: Browser, runner: Frontend, open_browser: OpenBrowser, action: str
) -> None:
    path = f"{PATH}/{run_of(runner, 'FAILED')}"
    form = looking.form(path)
    assert open_browser().post(f"{path}/{action}", form).headers["Location"] == "/console/login"
    assert looking.post(f"{path}/{action}", form | {"form_token": "x"}).status_code == 403
    assert looking.post(f"{path}/{action}", form, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert looking.get(f"{path}/{action}").status_code == 405


def test_a_retry_that_is_sent_twice_starts_one_run(connected: Frontend, browser: Browser) -> None:
    run_id = connected.start()
    browser.log_in(connected.tenant.api_key)
    assert "Cancel the run" in browser.get(f"{PATH}/{run_id}").text
    connected.finish(run_id, "FAILED")
    form = browser.form(f"{PATH}/{run_id}")
    answers = [browser.post(f"{PATH}/{run_id}/retry", form) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303], answers[0].text
    (new,) = {answer.headers["Location"].removeprefix(f"{PATH}/") for answer in answers}
    assert set(connected.list_run_ids()) == {run_id, new}
    assert connected.get_run(new)["retry_of"] == run_id
    other = browser.post(f"{PATH}/{run_id}/retry", browser.form(f"{PATH}/{run_id}"))
    assert other.headers["Location"] not in {answer.headers["Location"] for answer in answers}


def test_a_live_run_is_cancelled_and_not_started_again(connected: Frontend, browser: Browser) -> None:
    path = f"{PATH}/{connected.start()}"
    form = browser.log_in(connected.tenant.api_key).form(path)
    refused = browser.post(f"{path}/retry", form | {"once": "1"})
    assert (refused.status_code, "The run has not ended yet" in refused.text) == (409, True)
    for _ in range(2):
        assert browser.post(f"{path}/cancel", form).headers["Location"] == path
    page = browser.get(path).text
    assert ("cancelling" in page, "Cancel the run" in page) == (True, False)


def test_an_ended_run_is_not_cancelled_and_a_limit_is_told(connected: Frontend, browser: Browser) -> None:
    run_id = connected.start()
    connected.finish(run_id, "FAILED")
    count_starts_today(connected, 1000)
    form = browser.log_in(connected.tenant.api_key).form(f"{PATH}/{run_id}")
    ended = browser.post(f"{PATH}/{run_id}/cancel", form)
    assert (ended.status_code, "The run has already ended." in ended.text) == (409, True)
    beyond = browser.post(f"{PATH}/{run_id}/retry", form)
    assert (beyond.status_code, 'role="alert"' in beyond.text) == (429, True)
    assert browser.post(f"{PATH}/{run_id}/retry", form | {"once": "é"}).status_code == 400
