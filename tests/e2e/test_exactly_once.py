"""Work that must happen once happens once, even if BigQuery loses answers, repeats requests and denies jobs."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import pytest
from google.cloud import bigquery
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devcloud.clients import warehouse_of
from devcloud.server import Devcloud
from shared.adapters.bigquery.job_errors import DuplicateJob
from shared.adapters.bigquery.sql import Statement
from shared.adapters.bigquery.warehouse import Warehouse
from shared.adapters.google.retry_budget import RetryBudget
from shared.adapters.google.tasks import Tasks, TaskTargets
from shared.adapters.stores.run_acceptance import RunAcceptance
from shared.adapters.stores.runs import Runs
from shared.configuration.templates import get_template
from shared.domain.requests.auth import PresentedKey, hash_api_key
from shared.domain.requests.creation import CreationRequest
from shared.domain.runs.delivery import RunTask
from shared.errors import Unavailable
from shared.runtime.request_time import limited_to
from shared.use_cases.accept_runs import RunIntake, RunRequest
from shared.use_cases.run_pipeline import ManualRuns
from tests.conftest import MakeTenant
from tests.support.executions import Executions
from tests.support.forgetful import Forgetfulness, forgetful
from tests.support.tenant import Tenant

HURRIED = RetryBudget(seconds=20, first_pause_seconds=0.002)
FORGETFULNESS = st.builds(
    Forgetfulness,
    faults=st.lists(st.sampled_from(["none", "refused", "lost", "repeated"]), max_size=3),
    denials=st.integers(0, 3),
)
INSERT = "INSERT INTO {dataset}.happened (call_id) VALUES (@call_id)"
EXAMPLES = settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@dataclass(frozen=True)
class Platform:
    """The product's parts in this process. Their client is the forgetful one, in front of devcloud's BigQuery."""

    client: bigquery.Client
    warehouse: Warehouse
    executions: Executions
    tenant: Tenant
    requests: RunIntake
    key: PresentedKey

    def run(self, user_id: str, *, has_key: bool = True) -> str:
        """Request a run with the caller's name as Idempotency-Key, or without a key; return the id of the run."""
        standing = self.requests.require_standing(self.key)
        creation = CreationRequest({"date": "2025-11-16"}, user_id, idempotency_key=user_id if has_key else None)
        answer = ManualRuns(self.requests).answer(
            RunRequest(standing, get_template("gcp", "cost", "billing"), creation)
        )
        return str(answer.body["pipeline_logging_id"])

    def queued(self, user_id: str) -> int:
        """The number of a user's runs in the queue."""
        sql = "SELECT COUNT(*) AS found FROM tenants.pipeline_execution_queue WHERE user_id = @user_id"
        (row,) = self.executions.query(sql, user_id=user_id)
        return int(row["found"])


@pytest.fixture(scope="module")
def platform(cloud: Devcloud, bigquery_client: bigquery.Client, make_tenant: MakeTenant) -> Iterator[Platform]:
    tenant, executions = make_tenant(daily_limit=10_000), Executions(cloud, bigquery_client)
    executions.prepare(tenant)
    with cloud.clients() as clients:
        client = clients.bigquery()
        warehouse = replace(warehouse_of(client), retry_budget=HURRIED)
        account = f"cvg-tasks-invoker@{cloud.project}.iam.gserviceaccount.com"
        targets = TaskTargets(cloud.cloud.queue("kick"), 5.0, f"{cloud.ready['gateway']}/process_queue", account)
        requests = RunIntake(RunAcceptance(warehouse), Tasks(cache(clients.tasks), targets))
        key = PresentedKey(hash_api_key(tenant.api_key), tenant.tenant_id)
        client.query_and_wait(f"CREATE TABLE {tenant.tenant_id}.happened (call_id STRING)")
        yield Platform(client, warehouse, executions, tenant, requests, key)


@EXAMPLES
@given(FORGETFULNESS, st.integers(1, 3))
def test_one_idempotency_key_makes_one_run(platform: Platform, forgetfulness: Forgetfulness, calls: int) -> None:
    user_id = uuid.uuid4().hex
    with forgetful(platform.client, forgetfulness):
        answers = {platform.run(user_id) for _ in range(calls)}
    assert (len(answers), platform.queued(user_id)) == (1, 1)


@EXAMPLES
@given(FORGETFULNESS)
def test_one_call_without_a_key_makes_one_run(platform: Platform, forgetfulness: Forgetfulness) -> None:
    user_id = uuid.uuid4().hex
    with forgetful(platform.client, forgetfulness):
        platform.run(user_id, has_key=False)
    assert platform.queued(user_id) == 1


def test_two_concurrent_calls_with_one_key_make_one_run_although_bigquery_denies_the_job(platform: Platform) -> None:
    user_id = uuid.uuid4().hex
    with forgetful(platform.client, Forgetfulness(denials=3)), ThreadPoolExecutor(2) as threads:
        answers = set(threads.map(platform.run, [user_id, user_id]))
    assert (len(answers), platform.queued(user_id)) == (1, 1)


def test_a_job_that_bigquery_keeps_denying_is_503_in_time_and_keeps_its_id(platform: Platform) -> None:
    user_id, denials = uuid.uuid4().hex, 10**6
    first = platform.run(user_id)
    forgetfulness = Forgetfulness(denials=denials)
    with forgetful(platform.client, forgetfulness), limited_to(1), pytest.raises(Unavailable) as caught:
        platform.run(user_id)
    assert caught.value.facts["retry_after"] == 5
    assert (platform.run(user_id), platform.queued(user_id)) == (first, 1)


@EXAMPLES
@given(FORGETFULNESS, st.integers(1, 3))
def test_a_lease_is_claimed_once(platform: Platform, forgetfulness: Forgetfulness, deliveries: int) -> None:
    delivery = platform.executions.admit(platform.tenant, {"date": "2025-11-16"})
    task, runs, claimed = RunTask(**delivery.to_body()), Runs(platform.warehouse), []
    with forgetful(platform.client, forgetfulness):
        for _ in range(deliveries):
            try:
                claimed.append(runs.claim(task, execution_id=uuid.uuid4().hex))
            except DuplicateJob:
                continue
    assert len(claimed) == 1
    assert claimed[0] is not None


@EXAMPLES
@given(FORGETFULNESS, st.booleans())
def test_a_change_happens_once(platform: Platform, forgetfulness: Forgetfulness, is_named: bool) -> None:
    call_id, warehouse = uuid.uuid4().hex, platform.warehouse
    insert = Statement(
        "insert_call", "INSERT INTO {dataset}.happened (call_id) VALUES (@call_id)", {"call_id": "STRING"}
    )
    change: dict[str, Any] = {"values": {"call_id": call_id}, "dataset": platform.tenant.tenant_id}
    with forgetful(platform.client, forgetfulness):
        if is_named:
            first, second = (warehouse.once(insert, **change, job_id=f"test-{call_id}") for _ in range(2))
            assert first.job_id == second.job_id
        else:
            warehouse.change(insert, **change)
    count = f"SELECT COUNT(*) AS found FROM {platform.tenant.tenant_id}.happened WHERE call_id = @call_id"
    assert platform.executions.query(count, call_id=call_id) == [{"found": 1}]
