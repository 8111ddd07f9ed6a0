"""Requests succeed in the end although a new column or a new grant has no effect yet."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import requests
from google.cloud import bigquery

from devcloud.clients import warehouse_of
from devcloud.server import Devcloud
from shared.adapters.google.retry_budget import RetryBudget
from shared.adapters.google.tasks import Tasks, TaskTargets
from shared.adapters.stores.run_acceptance import RunAcceptance
from shared.configuration.templates import get_template
from shared.domain.requests.auth import PresentedKey, hash_api_key
from shared.domain.requests.creation import CreationRequest
from shared.errors import JobFailed, Unavailable
from shared.use_cases.accept_runs import RunIntake, RunRequest
from shared.use_cases.run_pipeline import ManualRuns
from tests.support.faults import refused
from tests.support.frontend import Frontend

HURRIED = RetryBudget(seconds=30, first_pause_seconds=0.002)
ACCEPTING = "/jobs"  # the address of inserted jobs; queries that only read have another one


@pytest.fixture
def client(cloud: Devcloud) -> Iterator[bigquery.Client]:
    """A client whose requests the test may disturb."""
    with cloud.clients() as clients:
        yield clients.bigquery()


@contextmanager
def heard(client: bigquery.Client, answers: list[int], and_then: Any) -> Iterator[None]:
    """Note the answers to streaming requests, and call `and_then` after the first one."""

    def hear(answer: requests.Response, *_: Any, **__: Any) -> None:
        if (answer.request.url or "").partition("?")[0].endswith("/insertAll"):
            answers.append(answer.status_code)
            if len(answers) == 1:
                and_then()

    hooks = client._http.hooks["response"]  # the client has no public method for this
    hooks.append(hear)
    try:
        yield
    finally:
        hooks.remove(hear)


def test_rows_for_a_column_that_streaming_does_not_know_yet_are_streamed_again(
    client: bigquery.Client, bigquery_client: bigquery.Client
) -> None:
    table, answers = f"streamed_{uuid.uuid4().hex}", list[int]()
    bigquery_client.query_and_wait(f"CREATE TABLE tenants.{table} (event_id STRING)")
    rows = [{"event_id": "a", "added": "new"}, {"event_id": "b"}]

    def grow() -> None:
        bigquery_client.query_and_wait(f"ALTER TABLE tenants.{table} ADD COLUMN added STRING")

    with heard(client, answers, grow):
        replace(warehouse_of(client), retry_budget=HURRIED).stream(table, rows, row_ids=["a", "b"])
    found = bigquery_client.query_and_wait(f"SELECT event_id, added FROM tenants.{table} ORDER BY event_id")
    assert [tuple(row.values()) for row in found] == [("a", "new"), ("b", None)]
    assert len(answers) == 2


def test_rows_that_are_refused_for_another_reason_are_not_streamed_again(
    client: bigquery.Client, bigquery_client: bigquery.Client
) -> None:
    table, answers = f"streamed_{uuid.uuid4().hex}", list[int]()
    bigquery_client.query_and_wait(f"CREATE TABLE tenants.{table} (number INT64)")
    with heard(client, answers, lambda: None), pytest.raises(JobFailed, match="rows were refused"):
        replace(warehouse_of(client), retry_budget=HURRIED).stream(table, [{"number": "many"}], row_ids=["a"])
    assert len(answers) == 1


def test_a_run_requested_before_the_datasets_grants_have_effect_can_be_repeated(
    client: bigquery.Client, connected: Frontend
) -> None:
    tasks = Tasks(lambda: pytest.fail("nobody is woken"), TaskTargets("", 1.0, "", ""))
    run_intake = RunIntake(RunAcceptance(warehouse_of(client)), tasks)
    key = PresentedKey(hash_api_key(connected.tenant.api_key), connected.tenant_id)
    standing = run_intake.require_standing(key)
    first = CreationRequest(connected.run_body(), None, "first-run")
    with refused(client, "POST", ACCEPTING), pytest.raises(Unavailable) as raised:
        ManualRuns(run_intake).answer(RunRequest(standing, get_template("gcp", "cost", "billing"), first))
    assert raised.value.facts["retry_after"] == 30
    again = connected.run(headers={"Idempotency-Key": "first-run"})
    assert again.status_code == 202, again.text
    queued = connected.central("pipeline_execution_queue")
    assert [item["run_id"] for item in queued] == [again.json()["pipeline_logging_id"]]
