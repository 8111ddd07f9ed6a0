"""PATCH, DELETE and preview of schedules, called by a frontend and checked in the tables."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from devcloud.server import Devcloud
from tests.conftest import MakeFrontend
from tests.support.answers import refused_fields
from tests.support.faults import cut_off
from tests.support.frontend import Frontend
from tests.support.schedules import FAR_CRON, Schedules
from tests.support.tenant import Api

Json = dict[str, Any]
KEY: dict[str, str | None] = {"Idempotency-Key": "nightly"}


@pytest.fixture
def schedules(connected: Frontend) -> Schedules:
    return Schedules(connected)


@pytest.fixture(scope="module")
def untouched(make_connected: MakeFrontend) -> Iterator[tuple[Schedules, str]]:
    """A schedule and its id. Tests do not change it."""
    frontend = make_connected()
    schedules = Schedules(frontend)
    config_id = schedules.start(cron_expression="30 2 * * *", timezone="America/New_York")
    yield schedules, config_id
    assert [row["updated_at"] for row in schedules.rows()] == [None]


class TestChange:
    def test_change_is_stored_answered_and_logged_once_however_often_it_is_requested(
        self, schedules: Schedules
    ) -> None:
        config_id = schedules.start()
        for _ in range(2):
            answer = schedules.change(config_id, {"cron_expression": "30 4 * * *", "priority": 9}, user_id="bob")
            assert answer.status_code == 200
            assert (answer.json()["cron_expression"], answer.json()["priority"]) == ("30 4 * * *", 9)
        (row,) = schedules.rows()
        assert (row["next_run_time"].hour, row["next_run_time"].minute) == (4, 30)
        assert row["updated_at"] is not None
        _, logged = schedules.log()
        assert (logged["action"], logged["user_id"]) == ("PIPELINE_CONFIG_UPDATED", "bob")
        assert logged["details"]["changes"]["priority"] == {"from": 5, "to": 9}

    def test_schedule_is_switched_off_and_on_again_from_now(self, schedules: Schedules) -> None:
        config_id = schedules.start()
        off = schedules.change(config_id, {"is_active": False}).json()
        assert (off["status"], off["next_run_time"]) == ("INACTIVE", None)
        on = schedules.change(config_id, {"is_active": True}).json()
        assert on["status"] == "ACTIVE"
        assert datetime.fromisoformat(on["next_run_time"]) > datetime.now(UTC)

    def test_change_of_the_cron_keeps_a_tick_that_is_due(self, schedules: Schedules) -> None:
        config_id = schedules.start()
        due = schedules.make_due(config_id)
        assert schedules.change(config_id, {"cron_expression": "30 4 * * *"}).status_code == 200
        assert schedules.rows()[0]["next_run_time"] == due

    def test_dropped_tick_is_named_in_the_log(self, schedules: Schedules) -> None:
        config_id = schedules.start()
        due = schedules.make_due(config_id)
        schedules.change(config_id, {"is_active": False})
        assert schedules.log()[-1]["details"]["given_up_tick"] == due.isoformat()

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"cron_expression": "never"}, "cron_expression"),
            ({"timezone": "Mars/Base"}, "timezone"),
            ({"priority": None}, "priority"),
            ({"template": "billing"}, "template"),
            ({"config_id": "x"}, "config_id"),
            ({"next_run_time": "2026-01-01T00:00:00Z"}, "next_run_time"),
            ({"parameters": {"surprise": 1}}, "parameters.surprise"),
        ],
    )
    def test_bad_field_is_400_by_its_name(self, untouched: tuple[Schedules, str], change: Json, field: str) -> None:
        schedules, config_id = untouched
        answer = schedules.change(config_id, change)
        assert refused_fields(answer) == [field]
        assert schedules.rows()[0]["updated_at"] is None

    def test_schedule_without_credentials_cannot_be_switched_on(self, schedules: Schedules) -> None:
        config_id = schedules.start(is_active=False)
        schedules.api.delete(f"{schedules.frontend.credentials_path}/GCP")
        assert schedules.change(config_id, {"is_active": True}).status_code == 409
        assert schedules.change(config_id, {"priority": 1}).status_code == 200

    def test_schedule_whose_template_is_gone_can_be_changed_but_not_switched_on(self, schedules: Schedules) -> None:
        config_id = schedules.start(is_active=False)
        schedules.set(config_id, "pipeline_template = 'gone'")
        assert schedules.change(config_id, {"is_active": True}).status_code == 404
        assert schedules.change(config_id, {"priority": 1}).status_code == 200

    def test_concurrent_changes_are_all_kept(self, schedules: Schedules) -> None:
        config_id = schedules.start()
        changes: list[Json] = [
            {"priority": 9},
            {"max_retries": 1},
            {"misfire_policy": "all"},
            {"overlap_policy": "skip"},
        ]

        def patch(change: Json) -> int:
            api = Api(schedules.api.url, schedules.frontend.tenant.api_key)
            return api.patch(f"{schedules.path}/{config_id}", change).status_code

        with ThreadPoolExecutor(4) as threads:
            assert list(threads.map(patch, changes)) == [200] * 4
        (row,) = schedules.rows()
        assert {name: row[name] for change in changes for name in change} == {
            name: value for change in changes for name, value in change.items()
        }
        assert len(schedules.log()) == 5

    def test_interrupted_change_is_completed_by_repeating_it(self, schedules: Schedules, cloud: Devcloud) -> None:
        config_id = schedules.start()
        url = f"{schedules.path}/{config_id}"
        first = cut_off(
            cloud,
            "pipeline_configs",
            lambda headers: schedules.api.patch(url, {"priority": 9}, headers=headers),
        )
        assert first.status_code == 503
        assert schedules.change(config_id, {"priority": 9}).status_code == 200
        assert schedules.rows()[0]["priority"] == 9
        assert [entry["action"] for entry in schedules.log()][1:] == ["PIPELINE_CONFIG_UPDATED"]


class TestRemove:
    def test_schedule_is_removed_with_its_waiting_runs_and_its_history_stays(self, schedules: Schedules) -> None:
        config_id, other = schedules.start(), schedules.start()
        waiting = [schedules.queue_run(config_id) for _ in range(2)]
        running = schedules.queue_run(config_id, state="PROCESSING")
        schedules.queue_run(other)
        answer = schedules.remove(config_id, user_id="carol")
        assert answer.status_code == 200
        assert (answer.json()["status"], answer.json()["cancelled_runs"]) == ("DELETED", 2)
        assert [row["config_id"] for row in schedules.rows()] == [other]
        events = schedules.frontend.central("pipeline_run_events")
        assert {(event["run_id"], event["kind"]) for event in events} == {
            (run_id, "CANCEL_REQUESTED") for run_id in waiting
        }
        assert running not in {event["run_id"] for event in events}
        logged = schedules.log()[-1]
        assert (logged["action"], logged["user_id"]) == ("PIPELINE_CONFIG_DELETED", "carol")
        assert logged["details"]["cron_expression"] == FAR_CRON

    def test_second_removal_of_a_schedule_is_404(self, schedules: Schedules) -> None:
        config_id = schedules.start()
        assert [schedules.remove(config_id).status_code for _ in range(2)] == [200, 404]
        assert [entry["action"] for entry in schedules.log()] == ["PIPELINE_CONFIG_CREATED", "PIPELINE_CONFIG_DELETED"]

    def test_interrupted_removal_is_done_completely_or_not_at_all(self, schedules: Schedules, cloud: Devcloud) -> None:
        config_id = schedules.start()
        schedules.queue_run(config_id)
        url = f"{schedules.path}/{config_id}"
        first = cut_off(cloud, "pipeline_configs", lambda headers: schedules.api.delete(url, headers=headers))
        assert first.status_code == 503
        assert schedules.remove(config_id).status_code in {200, 404}
        assert schedules.rows() == []
        assert [event["kind"] for event in schedules.frontend.central("pipeline_run_events")] == ["CANCEL_REQUESTED"]


class TestPreview:
    def test_next_fire_times_are_returned_in_utc_and_local_time(self, untouched: tuple[Schedules, str]) -> None:
        schedules, config_id = untouched
        answer = schedules.api.get(f"{schedules.path}/{config_id}/preview", params={"count": 3})
        assert answer.status_code == 200
        body = answer.json()
        assert (body["timezone"], len(body["fire_times"])) == ("America/New_York", 3)
        for time in body["fire_times"]:
            assert time["utc"].endswith("Z")
            assert datetime.fromisoformat(time["utc"]) == datetime.fromisoformat(time["local"])
        assert datetime.fromisoformat(body["fire_times"][0]["utc"]) == schedules.rows()[0]["next_run_time"]

    def test_schedule_that_is_off_can_be_previewed_and_ten_is_the_default(self, schedules: Schedules) -> None:
        config_id = schedules.start(is_active=False)
        body = schedules.api.get(f"{schedules.path}/{config_id}/preview").json()
        assert (body["is_active"], len(body["fire_times"])) == (False, 10)

    @pytest.mark.parametrize("query", [{"count": "0"}, {"count": "101"}, {"count": "x"}, {"surprise": "1"}])
    def test_bad_query_is_400_naming_the_parameter(
        self, untouched: tuple[Schedules, str], query: dict[str, str]
    ) -> None:
        schedules, config_id = untouched
        answer = schedules.api.get(f"{schedules.path}/{config_id}/preview", params=query)
        assert refused_fields(answer) == list(query)


def test_a_field_that_users_do_not_set_cannot_be_changed(untouched: tuple[Schedules, str]) -> None:
    schedules, config_id = untouched
    shown = schedules.api.get(schedules.path).json()["pipelines"][0]
    answer = schedules.change(config_id, shown)
    assert answer.status_code == 400
    messages = {item["field"]: item["message"] for item in answer.json()["errors"]}
    assert messages["provider"] == messages["next_run_time"] == "cannot be changed"
    assert "cron_expression" not in messages
