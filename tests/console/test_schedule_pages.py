"""Schedules: the next fires, the last result, and the buttons that pause, resume and remove a schedule."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from uuid import UUID

import pytest

from shared.console.pages.schedules import next_fires
from tests.conftest import JobsOf
from tests.console.conftest import CANARY, OpenBrowser
from tests.support.browser import Browser
from tests.support.frontend import Frontend
from tests.support.schedules import Schedules

PATH = "/console/schedules"
ACTIONS = ("pause", "resume", "remove")


@pytest.fixture
def schedules(connected: Frontend) -> Schedules:
    return Schedules(connected)


@pytest.fixture
def config_id(schedules: Schedules) -> str:
    """A schedule that has run."""
    body = schedules.body(cron_expression="30 2 * * *", timezone="Europe/Berlin")
    answer = schedules.api.post(schedules.path, body)
    assert answer.status_code == 201, answer.text
    found = str(answer.json()["config_id"])
    schedules.frontend.sql(
        "UPDATE {tenants}.tenant_pipeline_configs SET last_run_status = 'FAILED', "
        "last_run_time = TIMESTAMP '2025-11-18 09:30:00' WHERE config_id = @config_id",
        config_id=found,
    )
    return found


@pytest.fixture
def manager(schedules: Schedules, browser: Browser) -> Browser:
    return browser.log_in(schedules.frontend.tenant.api_key)


def active(schedules: Schedules) -> dict[str, bool]:
    found = schedules.api.get(schedules.path).json()["pipelines"]
    return {schedule["config_id"]: schedule["is_active"] for schedule in found}


def test_fires_are_shown_on_the_schedules_clock_and_in_utc() -> None:
    # In the night of 28 March 2027 the clock in Berlin goes from 2 to 3.
    schedule = {"cron_expression": "30 2 * * *", "timezone": "Europe/Berlin"}
    fires = next_fires(schedule, after=datetime(2027, 3, 26, 12, tzinfo=UTC))
    assert [f"{local:%d %H:%M}" for local, _ in fires] == ["27 02:30", "28 03:00", "29 02:30", "30 02:30", "31 02:30"]
    assert [f"{utc:%d %H:%M}" for _, utc in fires] == ["27 01:30", "28 01:00", "29 00:30", "30 00:30", "31 00:30"]


def test_a_schedule_has_its_fires_and_its_last_result(
    manager: Browser, schedules: Schedules, config_id: str, jobs_of: JobsOf
) -> None:
    answer = manager.get(PATH)
    assert len(jobs_of(answer.headers["X-Request-ID"])) <= 2
    preview = schedules.api.get(f"{schedules.path}/{config_id}/preview", params={"count": "5"}).json()["fire_times"]
    shown = re.findall(r'<time datetime="([^"]+)">\w{3} \d', answer.text)
    told = [moment for fire in preview for moment in (fire["local"], fire["utc"])]
    assert [datetime.fromisoformat(moment) for moment in shown] == [datetime.fromisoformat(moment) for moment in told]
    assert ["18 Nov 2025, 09:30 UTC" in answer.text, ">failed</span>" in answer.text] == [True, True]


def test_a_schedule_is_paused_resumed_and_removed_each_however_often(
    manager: Browser, schedules: Schedules, config_id: str
) -> None:
    form = manager.form(PATH)
    for action, after in (("pause", {config_id: False}), ("resume", {config_id: True})):
        for _ in range(2):
            assert manager.post(f"{PATH}/{config_id}/{action}", form).headers["Location"] == PATH
        assert active(schedules) == after
    assert manager.post(f"{PATH}/{config_id}/remove", form).headers["Location"] == PATH
    assert active(schedules) == {}
    assert manager.post(f"{PATH}/{config_id}/remove", form).status_code == 404
    assert "No schedules yet" in manager.get(PATH).text


def test_a_schedule_that_could_not_run_is_not_resumed(manager: Browser, schedules: Schedules, config_id: str) -> None:
    form = manager.form(PATH)
    manager.post(f"{PATH}/{config_id}/pause", form)
    assert schedules.api.delete(f"{schedules.frontend.credentials_path}/GCP").status_code == 200
    answer = manager.post(f"{PATH}/{config_id}/resume", form)
    assert (answer.status_code, 'role="alert"' in answer.text) == (409, True)
    assert active(schedules) == {config_id: False}


def test_actions_need_the_tenants_session_and_its_form(
    manager: Browser, schedules: Schedules, config_id: str, open_browser: OpenBrowser, frontend: Frontend
) -> None:
    other = (
        open_browser().log_in(frontend.tenant.api_key) if frontend.tenant_id != schedules.frontend.tenant_id else None
    )
    form = manager.form(PATH)
    for action in ACTIONS:
        path = f"{PATH}/{config_id}/{action}"
        assert manager.post(path, form | {"form_token": "x"}).status_code == 403
        assert open_browser().post(path, form).headers["Location"] == "/console/login"
        assert manager.post(f"{PATH}/{UUID(int=9)}/{action}", form).status_code == 404
        assert other is None or other.post(path, other.form(PATH)).status_code == 404
    assert active(schedules) == {config_id: True}


def test_names_are_escaped(manager: Browser, schedules: Schedules, config_id: str) -> None:
    schedules.frontend.sql(
        "UPDATE {tenants}.tenant_pipeline_configs SET parameters = JSON_OBJECT('billing_export_table', @canary) "
        "WHERE config_id = @config_id",
        config_id=config_id,
        canary=CANARY,
    )
    page = manager.get(PATH).text
    assert (CANARY in page, "&lt;script&gt;" in page) == (False, True)
