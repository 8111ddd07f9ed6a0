"""Runs without dates load late rows, do not reload unchanged days, and report rows without a day."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from google.cloud import bigquery

from devcloud.seed_billing.export import load_schema
from tests.e2e.execution.conftest import StartInstance
from tests.support.arriving_exports import ArrivingExport, make_export, usage
from tests.support.executions import Delivery, Executions, eventually
from tests.support.tenant import Tenant

EIGHTH, TENTH, ELEVENTH = (date(2025, 11, day) for day in (8, 10, 11))
EXPORTED = datetime(2025, 11, 12, 6, tzinfo=UTC)
LONG_BEFORE = EXPORTED - timedelta(days=40)
PARTITIONS = {"DAY": "$20240105", "MONTH": "$202401"}


@pytest.fixture
def owner(tenant: Tenant) -> Iterator[bigquery.Client]:
    """BigQuery as the tenant."""
    with tenant.cloud.clients(tenant.gcp_key) as clients:
        yield clients.bigquery()


@pytest.fixture
def export(owner: bigquery.Client, tenant: Tenant) -> ArrivingExport:
    """The tenant's export, with two days of one row each."""
    arriving = make_export(owner, tenant)
    arriving.add([usage(TENTH, exported=EXPORTED), usage(ELEVENTH, exported=EXPORTED)])
    return arriving


def published(executions: Executions, tenant: Tenant) -> dict[date, int]:
    """The number of rows of each day."""
    sql = f"SELECT x_usage_date AS day, COUNT(*) AS found FROM {tenant.tenant_id}.gcp_cost_billing GROUP BY day"
    return {row["day"]: row["found"] for row in executions.query(sql)}


def loaded_by(executions: Executions, tenant: Tenant, day: date) -> set[str]:
    """The runs that a day's rows come from."""
    sql = f"SELECT x_usage_date, x_pipeline_logging_id AS run_id FROM {tenant.tenant_id}.gcp_cost_billing"
    return {row["run_id"] for row in executions.query(sql) if row["x_usage_date"] == day}


def restated(executions: Executions, tenant: Tenant, delivery: Delivery) -> list[date]:
    """The days of gcp_cost_billing that a run logged as restated."""
    sql = f"SELECT table_name, usage_date, pipeline_logging_id AS run_id FROM {tenant.tenant_id}.x_meta_restatements"
    rows = [row for row in executions.query(sql) if row["run_id"] == delivery.run_id]
    return sorted(row["usage_date"] for row in rows if row["table_name"] == "gcp_cost_billing")


def watermark(executions: Executions, tenant: Tenant) -> datetime | None:
    """The watermark of the next run without dates."""
    log = f"{tenant.tenant_id}.x_meta_pipeline_runs"
    said = executions.query(f"SELECT loaded_until FROM {log} WHERE loaded_until IS NOT NULL ORDER BY completed_at")
    found: datetime | None = said[-1]["loaded_until"] if said else None
    return found


def extracted(executions: Executions, delivery: Delivery) -> dict[str, Any]:
    """The details of the run's extract."""
    steps = [json.loads(event["details"]) for event in executions.events(delivery) if event["kind"] == "STEP"]
    (step,) = [step for step in steps if step["step_id"] == "extract"]
    found: dict[str, Any] = step["details"]
    return found


def test_rows_that_arrive_later_under_an_equal_or_older_export_time_are_loaded(
    extracting: Executions, tenant: Tenant, export: ArrivingExport
) -> None:
    first = extracting.run(tenant, {})
    export.add([usage(TENTH, exported=EXPORTED), usage(EIGHTH, exported=LONG_BEFORE)])
    second = extracting.run(tenant, {})
    assert published(extracting, tenant) == {EIGHTH: 1, TENTH: 2, ELEVENTH: 1}
    assert loaded_by(extracting, tenant, TENTH) == {second.run_id}
    assert loaded_by(extracting, tenant, ELEVENTH) == {first.run_id}
    assert restated(extracting, tenant, second) == [TENTH]


def test_a_run_without_new_rows_completes_and_logs_that_it_published_nothing(
    extracting: Executions, tenant: Tenant, export: ArrivingExport
) -> None:
    first = extracting.run(tenant, {})
    second = extracting.run(tenant, {})
    row = extracting.run_row(second)
    assert (row["status"], row["rows_published"]) == ("COMPLETED", 0)
    assert loaded_by(extracting, tenant, TENTH) == loaded_by(extracting, tenant, ELEVENTH) == {first.run_id}
    assert restated(extracting, tenant, second) == []
    assert watermark(extracting, tenant) == EXPORTED
    details = extracted(extracting, second)
    assert (details["dates"], details["unchanged_days"]) == ([], 2)
    assert export.table == tenant.export.table


def test_a_table_that_was_dropped_is_filled_again(
    extracting: Executions, tenant: Tenant, owner: bigquery.Client
) -> None:
    export = make_export(owner, tenant, granularity=None)
    export.add([usage(TENTH, exported=EXPORTED)])
    extracting.run(tenant, {})
    export.add([usage(ELEVENTH, exported=EXPORTED + timedelta(days=30))])
    extracting.run(tenant, {})
    extracting.query(f"DROP TABLE {tenant.tenant_id}.gcp_cost_billing")
    extracting.run(tenant, {})
    assert published(extracting, tenant) == {TENTH: 1, ELEVENTH: 1}


def test_a_date_recomputes_that_day_and_does_not_move_the_watermark(
    extracting: Executions, tenant: Tenant, export: ArrivingExport
) -> None:
    extracting.run(tenant, {})
    later = EXPORTED + timedelta(days=5)
    export.add([usage(TENTH, exported=later), usage(EIGHTH, exported=later)])
    extracting.run(tenant, {"date": str(TENTH)})
    assert published(extracting, tenant) == {TENTH: 2, ELEVENTH: 1}
    assert watermark(extracting, tenant) == EXPORTED
    extracting.run(tenant, {})
    assert published(extracting, tenant) == {EIGHTH: 1, TENTH: 2, ELEVENTH: 1}
    assert watermark(extracting, tenant) == later


@pytest.mark.parametrize("parameters", [{}, {"date": str(TENTH)}], ids=["incremental", "date"])
def test_rows_without_a_usage_day_give_a_warning_and_other_rows_are_published(
    extracting: Executions, tenant: Tenant, export: ArrivingExport, parameters: dict[str, str]
) -> None:
    starts = [None, "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"]
    export.add([usage(TENTH, exported=EXPORTED, usage_start_time=start) for start in starts])
    delivery = extracting.run(tenant, parameters)
    (check,) = extracting.query(
        f"SELECT severity, passed, failed_rows FROM {tenant.tenant_id}.x_meta_dq_results"
        " WHERE check_id = 'extract.rows_have_a_usage_day' AND pipeline_logging_id = @run_id",
        run_id=delivery.run_id,
    )
    assert check == {"severity": "warn", "passed": False, "failed_rows": len(starts)}
    assert published(extracting, tenant)[TENTH] == 1


@pytest.mark.parametrize("granularity", PARTITIONS)
def test_a_row_is_found_in_any_partition(
    extracting: Executions, tenant: Tenant, owner: bigquery.Client, granularity: str
) -> None:
    export, now = make_export(owner, tenant, granularity=granularity), datetime.now(UTC)
    export.add([usage(TENTH, exported=now)])
    export.add([usage(TENTH, exported=now)], partition=PARTITIONS[granularity])
    extracting.run(tenant, {"date": str(TENTH)})
    assert published(extracting, tenant) == {TENTH: 2}
    extracting.run(tenant, {})
    export.add([usage(ELEVENTH, exported=now)], partition=PARTITIONS[granularity])  # exported lately
    export.add([usage(EIGHTH, exported=LONG_BEFORE)])  # arrived lately
    extracting.run(tenant, {})
    assert published(extracting, tenant) == {EIGHTH: 1, TENTH: 2, ELEVENTH: 1}


def test_a_row_in_the_streaming_buffer_has_no_partition_and_is_loaded(
    extracting: Executions, tenant: Tenant, owner: bigquery.Client, export: ArrivingExport
) -> None:
    columns = ", ".join(field["name"] for field in load_schema())
    owner.query_and_wait(
        f"INSERT INTO `{export.table}` (_PARTITIONTIME, {columns})"
        f" SELECT NULL, {columns} FROM `{export.table}` WHERE DATE(usage_start_time) = DATE '{TENTH}'"
    )
    extracting.run(tenant, {"date": str(TENTH)})
    assert published(extracting, tenant) == {TENTH: 2}


def test_without_partitions_by_arrival_late_hours_decide_how_late_rows_may_be(
    extracting: Executions, tenant: Tenant, owner: bigquery.Client
) -> None:
    export = make_export(owner, tenant, granularity=None)
    export.add([usage(TENTH, exported=EXPORTED)])
    extracting.run(tenant, {})
    export.add([usage(TENTH, exported=EXPORTED - timedelta(hours=71)), usage(EIGHTH, exported=LONG_BEFORE)])
    extracting.run(tenant, {})
    assert published(extracting, tenant) == {TENTH: 2}
    extracting.run(tenant, {"late_hours": 50 * 24})
    assert published(extracting, tenant) == {EIGHTH: 1, TENTH: 2}


def test_a_row_is_loaded_again_if_only_its_credit_has_changed(
    extracting: Executions, tenant: Tenant, owner: bigquery.Client, export: ArrivingExport
) -> None:
    extracting.run(tenant, {})
    owner.query_and_wait(f"DELETE FROM `{export.table}` WHERE DATE(usage_start_time) = DATE '{TENTH}'")
    credit = {"id": "c", "name": "Committed use", "amount": -1.0, "full_name": "c", "type": "DISCOUNT"}
    export.add([usage(TENTH, exported=EXPORTED, credits=[credit])])
    extracting.run(tenant, {})
    sql = f"SELECT SUM(credit.amount) AS credits FROM {tenant.tenant_id}.gcp_cost_billing, UNNEST(credits) AS credit"
    assert extracting.query(sql) == [{"credits": -1}]


def test_a_row_with_a_future_export_time_does_not_hide_later_rows(
    extracting: Executions, tenant: Tenant, owner: bigquery.Client
) -> None:
    export = make_export(owner, tenant, granularity=None)
    export.add([usage(TENTH, exported=datetime(2199, 1, 1, tzinfo=UTC))])
    extracting.run(tenant, {})
    export.add([usage(ELEVENTH, exported=datetime.now(UTC))])
    extracting.run(tenant, {})
    assert published(extracting, tenant) == {TENTH: 1, ELEVENTH: 1}


def test_a_day_that_vanished_from_the_export_stays_while_another_day_is_loaded(
    extracting: Executions, tenant: Tenant, owner: bigquery.Client, export: ArrivingExport
) -> None:
    extracting.run(tenant, {})
    owner.query_and_wait(f"DELETE FROM `{export.table}` WHERE DATE(usage_start_time) = DATE '{TENTH}'")
    both = {"start_date": str(TENTH), "end_date": str(ELEVENTH)}
    delivery = extracting.admit(tenant, both)
    assert extracting.deliver(delivery) == "FAILED"
    assert "days_not_emptied: 1 days emptied" in extracting.error_of(delivery)
    assert published(extracting, tenant) == {TENTH: 1, ELEVENTH: 1}
    extracting.run(tenant, {**both, "allow_empty": True})
    assert published(extracting, tenant) == {ELEVENTH: 1}


def test_an_attempt_does_not_publish_what_a_dead_attempt_staged_for_more_days(
    extracting: Executions, tenant: Tenant, export: ArrivingExport, start_extracting: StartInstance
) -> None:
    extracting.run(tenant, {})
    later = EXPORTED + timedelta(days=5)
    export.add([usage(TENTH, exported=later), usage(ELEVENTH, exported=later)])
    delivery, instance = extracting.admit(tenant, {}), start_extracting()
    next_of_extract = extracting.cloud.bigquery.hold(run=delivery.run_id, step="extract")
    with extracting.held(delivery, "extract", url=instance.url) as held, next_of_extract as load:
        held.let_go()  # the statement that counts the published rows
        job_id = load.await_job()
        instance.signal(signal.SIGSTOP)
        load.open()
        eventually(lambda: extracting.client.get_job(job_id).done())
        instance.signal(signal.SIGKILL)
        assert held.answer.result() == "CUT OFF"
    assert extracting.steps_of(delivery) == []
    extracting.run(tenant, {"date": str(TENTH)})
    assert extracting.deliver(extracting.admit_again(delivery)) == "SUCCEEDED", extracting.error_of(delivery)
    assert published(extracting, tenant) == {TENTH: 2, ELEVENTH: 2}


def test_days_from_before_focus_cost_are_filled_by_a_run_that_names_them(
    executions: Executions, tenant: Tenant, export: ArrivingExport
) -> None:
    counted = f"SELECT COUNT(*) AS found FROM {tenant.tenant_id}.focus_cost"
    executions.run(tenant, {})
    executions.query(f"DELETE FROM {tenant.tenant_id}.focus_cost WHERE TRUE")
    executions.run(tenant, {})
    assert executions.query(counted) == [{"found": 0}]
    executions.run(tenant, {"start_date": str(TENTH), "end_date": str(ELEVENTH)})
    assert executions.query(counted) == [{"found": 2}]
