"""Previews of schedules: when they would fire, and the warnings for their owner."""

from __future__ import annotations

from datetime import datetime

import pytest

from tests.conftest import MakeFrontend
from tests.support.frontend import Frontend
from tests.support.schedules import Schedules


@pytest.fixture
def schedules(connected: Frontend) -> Schedules:
    return Schedules(connected)


def test_a_preview_answers_the_fire_times_and_saves_nothing(schedules: Schedules) -> None:
    answer = schedules.create(preview=True, cron_expression="0 2 1 * 1", timezone="Europe/Berlin")
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["config_id"], body["cron_expression"], len(body["fire_times"])) == (None, "0 2 1 * 1", 10)
    days = [datetime.fromisoformat(time["local"]) for time in body["fire_times"]]
    assert all(day.day == 1 or day.isoweekday() == 1 for day in days)
    assert "day of the month (1) or the weekday (1) matches: one match is enough" in body["day_rule"]
    assert (schedules.rows(), schedules.log()) == ([], [])


def test_a_preview_is_refused_as_the_schedule_would_be(shared_frontend: Frontend) -> None:
    schedules = Schedules(shared_frontend)
    assert schedules.create(preview=True, cron_expression="61 * * * *").status_code == 400
    assert schedules.create(preview=True, template="nonsense").status_code == 404
    assert schedules.create(preview="yes").json()["errors"][0]["field"] == "preview"
    keyed = schedules.create(preview=True, headers={"Idempotency-Key": "k"})
    assert (keyed.status_code, keyed.json()["errors"][0]["field"]) == (400, "Idempotency-Key")


def test_a_change_is_previewed_and_not_made(schedules: Schedules) -> None:
    config_id = schedules.start()
    before = schedules.rows()
    body = schedules.change(config_id, {"cron_expression": "*/15 4 * * *", "preview": True}).json()
    assert (body["config_id"], body["cron_expression"]) == (config_id, "*/15 4 * * *")
    assert [warning for warning in body["warnings"] if "more often than schedules are triggered" in warning]
    assert schedules.rows() == before
    refused = schedules.change(config_id, {"cron_expression": "0 2 30 2 *", "preview": True})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "cron_expression")


def test_a_duplicate_schedule_is_accepted_with_a_warning(schedules: Schedules) -> None:
    first = schedules.start()
    created = schedules.create().json()
    assert [first in warning for warning in created["warnings"]] == [True]
    shown = schedules.api.get(f"{schedules.path}/{created['config_id']}/preview").json()
    assert shown["warnings"] == created["warnings"]
    assert "warnings" not in schedules.change(created["config_id"], {"cron_expression": "0 4 * * *"}).json()


def test_schedules_beyond_the_daily_limit_are_accepted_with_a_warning(make_connected: MakeFrontend) -> None:
    frontend = make_connected(daily_limit=2)
    (warning,) = Schedules(frontend).create(cron_expression="0 * * * *").json()["warnings"]
    assert "its daily limit of 2" in warning
