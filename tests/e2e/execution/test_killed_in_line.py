"""Executors are killed before and during their turn to publish: the next one publishes, once, and loses no attempt."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date

import pytest

from devcloud.seed_billing.export import Target, write_export
from devcloud.seed_billing.rows import Plan
from tests.support.executions import Delivery, Executions, eventually
from tests.support.instance import Instance
from tests.support.tenant import Tenant

StartInstance = Callable[..., Instance]
DAY, ROWS = date(2025, 11, 16), 13


def runs_of_exports(executions: Executions, tenant: Tenant, count: int) -> list[Delivery]:
    """One run for each of this number of exports. Each export is a source of its own with ROWS rows."""
    plan, tables = Plan(seed=7, start=DAY, days=1, rows_per_day=6), []
    with tenant.cloud.clients(tenant.gcp_key) as clients:
        for number in range(count):
            target = Target(tenant.project, "billing", f"gcp_billing_export_resource_v1_LINE{number}", "US")
            truth = write_export(clients.bigquery(), plan, target)
            assert truth["rows"] == ROWS
            tables.append(truth["table"])
    return [executions.admit(tenant, {"date": str(DAY), "billing_export_table": table}) for table in tables]


@contextmanager
def waiting(executions: Executions, delivery: Delivery, *, url: str | None = None) -> Iterator[Future[str]]:
    """Deliver, wait until the executor waits for its turn to publish, and return its future answer."""
    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(executions.try_to_deliver, delivery, url=url)
        eventually(lambda: "WAITING" in [event["kind"] for event in executions.events(delivery)])
        yield answer


def publishes_of(executions: Executions, deliveries: Sequence[Delivery]) -> list[str]:
    """The leases of all publish jobs, in the order of their turns."""
    leases = [delivery.lease_id for delivery in deliveries]
    jobs = [job for job in executions.cloud.bigquery.jobs() if job["labels"].get("lease") in leases]
    return [job["labels"]["lease"] for job in sorted(jobs, key=lambda job: job["created_at_ms"])]


def claims_of(executions: Executions, delivery: Delivery) -> int:
    """The number of executors that claimed the run."""
    return sum(event["kind"] == "CLAIMED" for event in executions.events(delivery))


def assert_each_published_once(executions: Executions, tenant: Tenant, deliveries: Sequence[Delivery]) -> None:
    """Assert that every run is COMPLETED in its own turn, and that its export's rows are in the table once."""
    rows = [executions.run_row(delivery) for delivery in deliveries]
    assert [row["status"] for row in rows] == ["COMPLETED"] * len(deliveries)
    assert len({row["turn"] for row in rows}) == len(deliveries)
    found = executions.query(
        "SELECT x_source, COUNT(*) AS row_count, COUNT(DISTINCT x_pipeline_logging_id) AS runs"
        f" FROM {tenant.tenant_id}.gcp_cost_billing GROUP BY x_source"
    )
    assert [(row["row_count"], row["runs"]) for row in found] == [(ROWS, 1)] * len(deliveries)


@pytest.mark.parametrize("its_job", ["publishes", "is stopped"])
def test_the_job_of_a_killed_executor_ends_by_itself_and_the_next_in_line_publishes(
    extracting: Executions, tenant: Tenant, start_extracting: StartInstance, its_job: str
) -> None:
    first, second = runs_of_exports(extracting, tenant, 2)
    instance = start_extracting()
    with (
        extracting.held(first, "publish", url=instance.url) as holder,
        waiting(extracting, second) as answer,
    ):
        instance.signal(signal.SIGKILL)
        assert holder.answer.result() == "CUT OFF"
        assert publishes_of(extracting, [first, second]) == [first.lease_id], "its job is still under way"
        if its_job == "is stopped":
            extracting.client.cancel_job(holder.gate.await_job())
        holder.let_go()
        assert answer.result() == "SUCCEEDED", extracting.error_of(second)
    again = extracting.admit_again(first)
    assert extracting.deliver(again) == "SUCCEEDED", extracting.error_of(first)

    done = [first, second] if its_job == "publishes" else [first, second, again]
    assert publishes_of(extracting, [first, second, again]) == [delivery.lease_id for delivery in done]
    assert claims_of(extracting, second) == 1
    assert_each_published_once(extracting, tenant, [first, second])


def test_if_a_waiting_executor_is_killed_the_next_one_publishes(
    extracting: Executions, tenant: Tenant, start_extracting: StartInstance
) -> None:
    first, killed, last = runs_of_exports(extracting, tenant, 3)
    instance = start_extracting()
    with (
        extracting.held(first, "publish") as holder,
        waiting(extracting, killed, url=instance.url) as cut_off,
        waiting(extracting, last) as answer,
    ):
        instance.signal(signal.SIGKILL)
        assert cut_off.result() == "CUT OFF"
        assert holder.end() == "SUCCEEDED", extracting.error_of(first)
        assert answer.result() == "SUCCEEDED", extracting.error_of(last)
    again = extracting.admit_again(killed)
    assert extracting.deliver(again) == "SUCCEEDED", extracting.error_of(killed)

    order = [delivery.lease_id for delivery in (first, last, again)]
    assert publishes_of(extracting, [first, killed, last, again]) == order
    assert [claims_of(extracting, delivery) for delivery in (first, last)] == [1, 1]
    assert_each_published_once(extracting, tenant, [first, killed, last])
