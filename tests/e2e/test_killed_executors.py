"""Executors are killed at random: every run ends, and the published rows are the same as without kills."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from devcloud.seed_billing.rows import Plan
from devcloud.server import Devcloud
from tests.support.dispatching import Dispatching
from tests.support.executions import eventually
from tests.support.frontend import Frontend
from tests.support.tenant import SMALL_EXPORT, Export

Json = dict[str, Any]
# A lease that a kill leaves behind expires soon, also one that was given while the test ended other leases.
HASTY = {"LEASE_SECONDS": "15", "HEARTBEAT_SECONDS": "1", "RETRY_BASE_SECONDS": "0.2"}
TENANTS = 2
STEPS = ("begin", "extract", "focus", "checks", "publish", "log")  # an executor is killed at each
DAYS = tuple(f"2025-11-{day}" for day in range(15, 18))
A_RUN_A_DAY = tuple({"date": day} for day in DAYS)
ONE_RUN = ({"start_date": DAYS[0], "end_date": DAYS[-1]},)
OF_THE_RUN = {"x_pipeline_logging_id", "x_ingested_at"}
YESTERDAY = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=22)

pytestmark = pytest.mark.phase4


@pytest.fixture
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dispatching]:
    """A cloud with short leases and quick retries, in which tasks and schedules run by themselves."""
    settings = {"execute_run": HASTY, "process_queue": HASTY}
    cloud = Devcloud(tmp_path_factory.mktemp("hasty"), schedules=False, function_env=settings)
    with cloud, cloud.clients() as clients:
        yield Dispatching(cloud, clients.bigquery(), clients.tasks())


def scheduled_tenant(
    dispatching: Dispatching, exports: Sequence[Export], number: int, dates: Sequence[Json]
) -> Frontend:
    """A tenant with a due schedule for each of these dates of an export. Tenants of one number share the export."""
    frontend = dispatching.frontend(concurrent_limit=2)
    frontend.tenant.project = f"acme-gcp-{number}"
    assert frontend.store().status_code == 201
    for asked in dates:
        parameters = {**asked, "billing_export_table": exports[number].table}
        dispatching.schedule(frontend.tenant_id, next_run_time=YESTERDAY, parameters=parameters, max_retries=10)
    return frontend


def run_all(dispatching: Dispatching, runs: int) -> None:
    """Trigger what is due, and wait until the queue is empty again."""
    assert dispatching.trigger()["queued_count"] == runs
    eventually(lambda: not dispatching.query("SELECT run_id FROM tenants.pipeline_execution_queue"), within_seconds=300)


@contextmanager
def killed_at_each_step(dispatching: Dispatching, rng: random.Random) -> Iterator[None]:
    """Kill the executors' process, with every run in it, when one of them reaches a step: once for each step."""
    bigquery = dispatching.cloud.bigquery

    def kill() -> None:
        for step in rng.sample(STEPS, len(STEPS)):
            with bigquery.hold(function="execute_run", step=step) as gate:
                gate.await_job()
                dispatching.cloud.kill_function("execute_run")
            give_up_all(dispatching)

    with ThreadPoolExecutor(1) as threads:
        killed = threads.submit(kill)
        yield
        killed.result()


def give_up_all(dispatching: Dispatching) -> None:
    """Make all present leases expire long ago. Some of them may be only a moment old."""
    earlier = "TIMESTAMP_SUB({}, INTERVAL 1 HOUR)".format
    dispatching.query(
        f"UPDATE tenants.pipeline_run_events SET occurred_at = {earlier('occurred_at')} WHERE kind != 'SETTLED'"
    )
    dispatching.query(
        f"UPDATE tenants.pipeline_execution_queue SET lease_expires_at = {earlier('CURRENT_TIMESTAMP()')}"
        " WHERE state = 'PROCESSING'"
    )
    dispatching.process()


def bill(frontend: Frontend) -> list[str]:
    """All published rows of the tenant, without the columns that say which run published them and when."""
    rows = [{name: row[name] for name in row if name not in OF_THE_RUN} for row in frontend.own("gcp_cost_billing")]
    return sorted(map(repr, rows))


def outcomes(frontend: Frontend) -> list[tuple[str, str]]:
    """The state of each run for the scheduler and for the tenant."""
    rows = {row["run_id"]: row["status"] for row in frontend.own("x_meta_pipeline_runs")}
    return [(run["state"], rows[run["run_id"]]) for run in frontend.central("scheduled_pipeline_runs")]


def claims(frontend: Frontend) -> int:
    """The number of claims of the tenant's runs."""
    return sum(event["kind"] == "CLAIMED" for event in frontend.central("pipeline_run_events"))


@pytest.mark.timeout(600)
def test_every_run_ends_and_the_published_tables_are_the_same_as_without_kills(hasty: Dispatching) -> None:
    projects = [hasty.frontend().tenant for _ in range(TENANTS)]
    for number, tenant in enumerate(projects):
        tenant.project = f"acme-gcp-{number}"
    plans = [Plan(seed, SMALL_EXPORT.start, days=len(DAYS), rows_per_day=8) for seed in range(TENANTS)]
    exports = [tenant.seed(plan) for tenant, plan in zip(projects, plans, strict=True)]

    calm = [scheduled_tenant(hasty, exports, number, ONE_RUN) for number in range(TENANTS)]
    run_all(hasty, TENANTS)
    troubled = [scheduled_tenant(hasty, exports, number, A_RUN_A_DAY) for number in range(TENANTS)]
    with killed_at_each_step(hasty, random.Random(22)):  # noqa: S311 - the same order each time
        run_all(hasty, TENANTS * len(DAYS))

    assert sum(map(claims, troubled)) >= TENANTS * len(DAYS) + len(STEPS), "a kill hit no run"
    for undisturbed, disturbed, export in zip(calm, troubled, exports, strict=True):
        assert outcomes(undisturbed) == [("COMPLETED", "COMPLETED")]
        assert outcomes(disturbed) == [("COMPLETED", "COMPLETED")] * len(DAYS)
        assert bill(undisturbed) == bill(disturbed)
        assert len(bill(disturbed)) == sum(export.truth["usage_dates"][day]["rows"] for day in DAYS)
