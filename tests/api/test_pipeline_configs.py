"""POST and GET of schedules, called by a frontend and checked in the tables."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import requests

from devcloud.server import Devcloud
from shared.domain.schedules.pipeline_configs import MAX_CONFIGS, repeatable_config_id
from tests.conftest import JobsOf, MakeFrontend
from tests.support.answers import refused_fields
from tests.support.faults import cut_off
from tests.support.frontend import Frontend
from tests.support.schedules import Schedules
from tests.support.tenant import Api

Json = dict[str, Any]
KEY: dict[str, str | None] = {"Idempotency-Key": "nightly"}


@pytest.fixture
def schedules(connected: Frontend) -> Schedules:
    return Schedules(connected)


class TestCreate:
    def test_schedule_is_stored_answered_and_logged(self, schedules: Schedules) -> None:
        answer = schedules.create(cron_expression="0 2 * * *", user_id="alice", timezone="Europe/Berlin", priority=7)
        assert answer.status_code == 201
        body = answer.json()
        (row,) = schedules.rows()
        assert body == {
            "config_id": row["config_id"],
            "tenant_id": schedules.frontend.tenant_id,
            "pipeline_id": "gcp-cost-billing",
            "status": "ACTIVE",
            "next_run_time": row["next_run_time"].strftime("%Y-%m-%dT%H:%M:%SZ"),
            "message": "Pipeline scheduled successfully",
        }
        local = row["next_run_time"].astimezone(ZoneInfo("Europe/Berlin"))
        assert (local.hour, local.minute) == (2, 0) or local.hour == 3  # 02:00 does not exist on one day a year
        assert timedelta() < row["next_run_time"] - datetime.now(UTC) <= timedelta(hours=25)
        assert (row["is_active"], row["priority"], row["max_retries"], row["date_offset_days"]) == (True, 7, 3, 1)
        assert (row["misfire_policy"], row["overlap_policy"]) == ("coalesce", "wait")
        assert (row["created_by_user_id"], row["parameters"]) == ("alice", schedules.parameters)
        (logged,) = schedules.log()
        assert (logged["action"], logged["user_id"], logged["provider"]) == ("PIPELINE_CONFIG_CREATED", "alice", "gcp")
        assert logged["details"]["cron_expression"] == "0 2 * * *"

    def test_schedule_may_be_created_switched_off(self, schedules: Schedules) -> None:
        body = schedules.create(is_active=False).json()
        assert (body["status"], body["next_run_time"]) == ("INACTIVE", None)

    def test_cron_that_fires_more_often_than_the_trigger_is_accepted_with_a_warning(self, schedules: Schedules) -> None:
        answer = schedules.create(cron_expression="*/5 * * * *")
        assert answer.status_code == 201
        (warning,) = answer.json()["warnings"]
        assert "together as one" in warning

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"cron_expression": "0 2 * *"}, "cron_expression"),
            ({"cron_expression": "0 0 2 * * *"}, "cron_expression"),
            ({"cron_expression": "0 2 * * *" + " " * 100}, "cron_expression"),
            ({"cron_expression": "61 2 * * *"}, "cron_expression"),
            ({"cron_expression": "0 5-1 * * *"}, "cron_expression"),
            ({"cron_expression": None}, "cron_expression"),
            ({"timezone": "Mars/Base"}, "timezone"),
            ({"timezone": ""}, "timezone"),
            ({"priority": 10}, "priority"),
            ({"priority": True}, "priority"),
            ({"max_retries": 11}, "max_retries"),
            ({"misfire_policy": "hope"}, "misfire_policy"),
            ({"overlap_policy": "stop"}, "overlap_policy"),
            ({"date_offset_days": -1}, "date_offset_days"),
            ({"is_active": "yes"}, "is_active"),
            ({"surprise": 1}, "surprise"),
            ({"parameters": []}, "parameters"),
            ({"parameters": {"surprise": 1}}, "parameters.surprise"),
            ({"parameters": {"date": "{day}"}}, "parameters.date"),
            ({"parameters": {"billing_export_table": "no table"}}, "parameters.billing_export_table"),
            ({"parameters": {}}, "parameters.billing_export_table"),  # neither here nor in the credentials
        ],
    )
    def test_bad_field_is_400_by_its_name(self, shared_frontend: Frontend, changes: Json, field: str) -> None:
        answer = Schedules(shared_frontend).create(**changes)
        assert refused_fields(answer) == [field]
        assert Schedules(shared_frontend).rows() == []

    @pytest.mark.parametrize(
        "changes", [{"provider": "ibm"}, {"provider": "GCP"}, {"domain": "../cost"}, {"template": "nonsense"}]
    )
    def test_unknown_pipeline_is_404_as_for_a_run(self, shared_frontend: Frontend, changes: Json) -> None:
        assert Schedules(shared_frontend).create(**changes).status_code == 404
        assert Schedules(shared_frontend).rows() == []

    def test_provider_without_credentials_is_409(self, frontend: Frontend) -> None:
        schedules = Schedules(frontend)
        answer = schedules.create()
        assert (answer.status_code, schedules.rows()) == (409, [])
        assert "GCP" in answer.json()["detail"]

    def test_export_named_by_the_credentials_is_enough(self, frontend: Frontend) -> None:
        frontend.store(frontend.tenant.gcp_credentials)
        assert Schedules(frontend).create(parameters={"date": "{date}"}).status_code == 201

    def test_number_of_a_tenants_schedules_is_limited(self, schedules: Schedules) -> None:
        schedules.add(MAX_CONFIGS - 1)
        assert schedules.create().status_code == 201
        answer = schedules.create()
        assert (answer.status_code, answer.json()["limit"]) == (409, MAX_CONFIGS)
        assert len(schedules.rows()) == MAX_CONFIGS

    def test_repeated_call_is_another_schedule_unless_it_has_a_key(self, schedules: Schedules) -> None:
        assert schedules.create().json()["config_id"] != schedules.create().json()["config_id"]
        first, second = schedules.create(headers=KEY), schedules.create(headers=KEY)
        assert (first.status_code, second.status_code) == (201, 201)
        assert second.json() == first.json()
        assert len(schedules.rows()) == 3
        assert schedules.create(headers=KEY, priority=1).status_code == 422

    def test_same_key_of_two_tenants_makes_a_schedule_for_each(
        self, schedules: Schedules, make_connected: MakeFrontend
    ) -> None:
        other = Schedules(make_connected())
        mine, theirs = schedules.create(headers=KEY), other.create(headers=KEY)
        assert mine.json()["config_id"] != theirs.json()["config_id"]

    def test_key_makes_a_new_schedule_once_bigquery_has_forgotten_its_job(self, schedules: Schedules) -> None:
        config_id = schedules.start()
        forgotten = repeatable_config_id(schedules.frontend.tenant_id, "nightly", 0)
        schedules.set(config_id, f"config_id = '{forgotten}'")
        first, second = schedules.create(headers=KEY), schedules.create(headers=KEY)
        assert (first.status_code, second.json()) == (201, first.json())
        assert {row["config_id"] for row in schedules.rows()} == {forgotten, first.json()["config_id"]}

    def test_concurrent_calls_with_one_key_make_one_schedule(self, schedules: Schedules) -> None:
        def post(_: int) -> tuple[int, Any]:
            api = Api(schedules.api.url, schedules.frontend.tenant.api_key)
            answer = api.post(schedules.path, schedules.body(), headers=KEY)
            return answer.status_code, answer.json()

        with ThreadPoolExecutor(4) as threads:
            answers = list(threads.map(post, range(4)))
        assert answers == [answers[0]] * 4
        assert (answers[0][0], len(schedules.rows())) == (201, 1)

    def test_call_that_is_interrupted_and_repeated_with_its_key_makes_one_schedule(
        self, schedules: Schedules, cloud: Devcloud
    ) -> None:
        first = cut_off(cloud, "pipeline_configs", lambda headers: schedules.create(headers=KEY | headers))
        assert first.status_code == 503
        second = schedules.create(headers=KEY)
        assert second.status_code == 201
        assert [row["config_id"] for row in schedules.rows()] == [second.json()["config_id"]]
        assert [entry["action"] for entry in schedules.log()] == ["PIPELINE_CONFIG_CREATED"]


class TestList:
    def test_schedule_is_listed_with_all_its_fields(self, schedules: Schedules) -> None:
        config_id = schedules.start(cron_expression="15 4 * * 1", timezone="Asia/Kathmandu")
        answer = schedules.api.get(schedules.path)
        assert answer.status_code == 200
        (shown,) = answer.json()["pipelines"]
        (row,) = schedules.rows()
        shared = ("cron_expression", "timezone", "priority", "misfire_policy", "parameters", "last_run_status")
        assert {name: shown[name] for name in shared} == {name: row[name] for name in shared}
        assert (shown["config_id"], shown["template"], shown["status"]) == (config_id, "billing", "ACTIVE")
        assert shown["next_run_time"] == row["next_run_time"].strftime("%Y-%m-%dT%H:%M:%SZ")

    def test_tenant_without_schedules_has_an_empty_list(self, frontend: Frontend) -> None:
        answer = frontend.api.get(Schedules(frontend).path)
        assert (answer.status_code, answer.json()) == (200, {"pipelines": [], "next_page_token": None})

    def test_pages_show_every_schedule_once_newest_first(self, schedules: Schedules) -> None:
        made = [schedules.start() for _ in range(5)]
        shown: list[str] = []
        token: str | None = None
        for _ in range(3):
            page = schedules.api.get(schedules.path, params={"limit": 2, "page_token": token}).json()
            shown += [config["config_id"] for config in page["pipelines"]]
            token = page["next_page_token"]
        assert (shown, token) == (made[::-1], None)

    @pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "201"}, {"page_token": "x"}, {"surprise": "1"}])
    def test_bad_query_is_400_naming_the_parameter(self, shared_frontend: Frontend, query: dict[str, str]) -> None:
        answer = shared_frontend.api.get(Schedules(shared_frontend).path, params=query)
        assert refused_fields(answer) == list(query)


def test_schedule_of_another_tenant_is_404_like_an_unknown_one(
    schedules: Schedules, make_connected: MakeFrontend
) -> None:
    config_id, other = schedules.start(), Schedules(make_connected())
    for wanted in (config_id, str(uuid.uuid4())):
        answers = [
            other.change(wanted, {"priority": 1}),
            other.remove(wanted),
            other.api.get(f"{other.path}/{wanted}/preview"),
        ]
        assert [answer.status_code for answer in answers] == [404] * 3
        assert {answer.json()["detail"] for answer in answers} == {"There is no such schedule."}
    assert other.api.get(other.path).json()["pipelines"] == []
    assert (len(schedules.rows()), len(schedules.log())) == (1, 1)


def test_each_route_takes_the_documented_number_of_jobs(schedules: Schedules, jobs_of: JobsOf) -> None:
    def statements(answer: requests.Response) -> list[str]:
        return sorted(job["labels"]["statement"] for job in jobs_of(answer.headers["X-Request-ID"]))

    created = schedules.create()
    url = f"{schedules.path}/{created.json()['config_id']}"
    assert statements(created) == ["insert_config", "read_configs"]
    assert statements(schedules.api.get(schedules.path)) == ["read_configs"]
    assert statements(schedules.api.get(f"{url}/preview")) == ["read_configs"]
    assert statements(schedules.api.patch(url, {"priority": 1})) == ["read_configs", "update_config"]
    assert statements(schedules.api.patch(url, {"priority": 1})) == ["read_configs"]
    assert statements(schedules.api.delete(url)) == ["delete_config", "read_configs"]
    assert statements(schedules.create(headers={"X-API-Key": "no key"})) == []
