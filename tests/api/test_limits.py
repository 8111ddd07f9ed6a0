"""Limits of callers and answers from memory, on an instance with low limits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from devcloud.onboarding import add_api_key, onboard
from devcloud.server import Devcloud
from tests.support.frontend import Frontend
from tests.support.tenant import Api, Tenant

QUERIES = 25


@pytest.fixture(scope="module")
def frontend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Frontend]:
    """The tenant's frontend. The test plays the proxy that says from which address a call comes."""
    limits = {"QUERIES_AT_ONCE": str(QUERIES), "QUERIES_PER_MINUTE": "0.01", "PROXIES_IN_FRONT": "1"}
    settings = {"pipeline_runs": limits | {"LOOK_SECONDS": "3600"}}
    cloud = Devcloud(tmp_path_factory.mktemp("limits"), schedules=False, function_env=settings)
    with cloud, cloud.clients() as clients:
        clients.tasks().pause_queue(name=cloud.cloud.queue("kick"))
        made = onboard(clients.bigquery(), "acme_corp")
        tenant = Tenant(cloud, made.tenant_id, made.api_key, project="acme-gcp")
        connected = Frontend(tenant, clients.bigquery())
        connected.store_keyless()
        yield connected


def asked(frontend: Frontend, path: str, key: str | None = None, address: str = "192.0.2.1") -> requests.Response:
    headers: dict[str, str | None] = {"X-Forwarded-For": f"1.2.3.4, {address}"}
    return frontend.api.get(path, headers=headers | ({"X-API-Key": key} if key else {}))


def jobs_of(frontend: Frontend, answer: requests.Response) -> list[Any]:
    request_id, jobs = answer.headers["X-Request-ID"], frontend.tenant.cloud.bigquery.jobs()
    return [job["labels"]["statement"] for job in jobs if job["labels"].get("request_id") == request_id]


def with_new_key(frontend: Frontend) -> Api:
    """A frontend of the tenant that has sent no request yet."""
    return Api(frontend.api.url, add_api_key(frontend.client, frontend.tenant_id).api_key)


def test_only_an_address_that_guesses_keys_gets_429(frontend: Frontend) -> None:
    keys = [f"acme_corp_api_{number:024d}" for number in range(1_000)]
    answers: list[requests.Response] = []
    while not answers or answers[-1].status_code == requests.codes.unauthorized:
        answers.append(asked(frontend, frontend.runs_path, keys[len(answers)]))
    refused = answers[-1]
    assert (len(answers) > 100, refused.status_code) == (True, 429)
    assert (refused.json()["cap"], int(refused.headers["Retry-After"]) > 0) == ("refusals", True)
    assert [job for answer in answers for job in jobs_of(frontend, answer)] == []

    assert asked(frontend, frontend.runs_path, keys[0], address="198.51.100.7").status_code == 401
    assert asked(frontend, frontend.runs_path).status_code == 200


def test_a_new_key_works_on_an_instance_that_knows_the_older_keys(frontend: Frontend) -> None:
    assert with_new_key(frontend).get(frontend.runs_path).status_code == 200


def test_the_key_of_an_api_gateways_quota_is_not_a_tenants_key(frontend: Frontend) -> None:
    assert with_new_key(frontend).get(frontend.runs_path, params={"key": "AIzaSy", "limit": 3}).status_code == 200
    assert with_new_key(frontend).get(frontend.runs_path, params={"keys": "AIzaSy"}).status_code == 400


def test_a_second_request_is_answered_from_memory_until_the_tenant_changes_something(frontend: Frontend) -> None:
    api, run_id = with_new_key(frontend), frontend.start()
    path = f"{frontend.runs_path}/{run_id}"
    first, second = api.get(path), api.get(path)
    assert (first.json(), jobs_of(frontend, first)) == (second.json(), ["find_key_owner", "find_run"])
    assert jobs_of(frontend, second) == []
    assert api.post(f"{path}/cancel").status_code == 202
    assert (first.json()["cancel_requested"], api.get(path).json()["cancel_requested"]) == (False, True)


def test_a_key_over_its_query_limit_gets_429_and_still_answers_from_memory(frontend: Frontend) -> None:
    api = with_new_key(frontend)
    assert api.get(frontend.runs_path).status_code == 200
    different = [api.get(frontend.runs_path, params={"limit": limit}).status_code for limit in range(1, QUERIES)]
    refused = api.get(frontend.runs_path, params={"limit": 199})
    assert (different[0], refused.status_code) == (200, 429)
    assert (refused.json()["cap"], jobs_of(frontend, refused)) == ("queries", [])
    assert int(refused.headers["Retry-After"]) > 0
    assert api.get(frontend.runs_path).status_code == 200
    assert with_new_key(frontend).get(frontend.runs_path, params={"limit": 198}).status_code == 200
