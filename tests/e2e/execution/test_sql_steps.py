"""gcp/cost/daily_by_service, a pipeline without Python: from published rows to published sums."""

from __future__ import annotations

import re
import signal
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from google.cloud import bigquery

from devcloud.seed_billing.rows import Plan
from tests.conftest import MakeTenant
from tests.e2e.execution.conftest import StartInstance, WithChanges
from tests.support.executions import Delivery, Executions, Json
from tests.support.tenant import SMALL_EXPORT, Tenant

DAILY = "daily_by_service"
ALL_DAYS = {"start_date": "2025-11-01", "end_date": "2025-11-30"}
ONE_DAY = {"date": "2025-11-16"}


BILLING = (
    "gcp_cost_billing",
    "COUNT(*)",
    "COALESCE((SELECT SUM(credit.amount) FROM UNNEST(credits) AS credit), 0)",
)
SUMS = ("gcp_cost_daily_by_service", "SUM(row_count)", "credit_amount")


def totals(executions: Executions, tenant: Tenant, of: tuple[str, str, str] = SUMS) -> dict[str, Any]:
    """Number, cost and credits of the billing rows, or of the sums made from them."""
    table, rows, credit = of
    (found,) = executions.query(
        f"SELECT {rows} AS row_count, SUM(cost) AS cost, SUM({credit}) AS credits FROM {tenant.tenant_id}.{table}"
    )
    return found


def wanted(truth: dict[str, Any]) -> dict[str, Any]:
    return {"row_count": truth["rows"], "cost": Decimal(truth["cost"]), "credits": Decimal(truth["credits"])}


def failure(executions: Executions, tenant: Tenant, parameters: dict[str, Any]) -> str:
    delivery = executions.admit(tenant, parameters, template=DAILY)
    assert executions.deliver(delivery) == "FAILED"
    assert executions.run_row(delivery)["status"] == "FAILED"
    return executions.error_of(delivery)


def details_of(executions: Executions, delivery: Delivery, step_id: str) -> dict[str, Any]:
    (row,) = executions.query(
        f"SELECT * FROM {delivery.tenant.tenant_id}.x_meta_step_logs"
        " WHERE pipeline_logging_id = @run_id AND step_id = @step_id",
        run_id=delivery.run_id,
        step_id=step_id,
    )
    return row


@pytest.fixture(scope="module")
def billed(executions: Executions, make_reader: MakeTenant) -> Delivery:
    """The run that published its tenant's billing rows. Tests do not change them."""
    return executions.run(make_reader(), ALL_DAYS)


@pytest.fixture(scope="module")
def summed(executions: Executions, billed: Delivery) -> Delivery:
    """The run that added them up. Tests may repeat it, which changes nothing."""
    return executions.run(billed.tenant, ALL_DAYS, template=DAILY)


def test_the_sums_equal_the_billing_rows_to_the_last_digit(executions: Executions, summed: Delivery) -> None:
    tenant = summed.tenant
    assert totals(executions, tenant) == totals(executions, tenant, BILLING) == wanted(tenant.export.truth)


def test_a_repeated_run_gives_the_same_sums_and_a_day_only_its_own(extracting: Executions, tenant: Tenant) -> None:
    extracting.run(tenant, ALL_DAYS)
    executions = replace(extracting, changes={})
    first = executions.run(tenant, ONE_DAY, template=DAILY)
    day = tenant.export.truth["usage_dates"][ONE_DAY["date"]]
    assert totals(executions, tenant)["row_count"] == day["rows"]
    executions.run(tenant, ALL_DAYS, template=DAILY)
    executions.run(tenant, ALL_DAYS, template=DAILY)
    assert totals(executions, tenant) == wanted(tenant.export.truth)
    assert executions.run_row(first)["rows_published"] == details_of(executions, first, "summary")["rows"]


def test_two_sources_of_one_tenant_do_not_change_each_others_sums(
    executions: Executions, extracting: Executions, tenant: Tenant
) -> None:
    second = tenant.seed(Plan(seed=6, start=SMALL_EXPORT.start, days=2, rows_per_day=20))
    for source in ({}, {"billing_export_table": second.table}):
        extracting.run(tenant, ALL_DAYS | source)
        executions.run(tenant, ALL_DAYS | source, template=DAILY)
    executions.run(tenant, ALL_DAYS, template=DAILY)
    both = [wanted(truth) for truth in (tenant.export.truth, second.truth)]
    assert totals(executions, tenant) == {key: both[0][key] + both[1][key] for key in both[0]}


def test_the_error_for_a_tenant_without_billing_rows_names_the_missing_table(
    executions: Executions, reader: Tenant
) -> None:
    found = failure(executions, reader, ONE_DAY)
    assert "SOURCE_NOT_FOUND: steps.summary reads a table that does not exist" in found
    assert "gcp_cost_billing" in found


def test_an_instance_that_has_already_run_the_statement_names_the_missing_table_too(
    executions: Executions, billed: Delivery, reader: Tenant, start_instance: StartInstance
) -> None:
    url = start_instance().url
    assert executions.deliver(executions.admit(billed.tenant, ALL_DAYS, template=DAILY), url=url) == "SUCCEEDED"
    delivery = executions.admit(reader, ONE_DAY, template=DAILY)
    assert executions.deliver(delivery, url=url) == "FAILED"
    assert "SOURCE_NOT_FOUND: steps.summary reads a table that does not exist" in executions.error_of(delivery)


def test_every_job_of_a_run_is_labelled_with_its_run_and_tenant(
    executions: Executions, billed: Delivery, summed: Delivery
) -> None:
    for delivery, work in ((billed, ["extract", "focus"]), (summed, ["summary"])):
        wanted = {"tenant": delivery.tenant.tenant_id, "pipeline": delivery.pipeline_id, "run": delivery.run_id}
        jobs = executions.jobs_of(delivery)
        assert [job["labels"] | wanted for job in jobs] == [job["labels"] for job in jobs]
        steps = sorted(job["labels"]["step"] for job in jobs)
        assert steps == sorted(["claim", "begin", "begin", *work, "checks", "publish", "log"])


def test_a_step_logs_its_rows_its_bytes_and_its_slot_time(executions: Executions, summed: Delivery) -> None:
    (event,) = [step for step in executions.steps_of(summed) if step["step_id"] == "summary"]
    logged = details_of(executions, summed, "summary")
    job = executions.client.get_job(logged["job_id"])
    assert isinstance(job, bigquery.QueryJob)
    for record in (event, logged):
        assert record["rows"] == executions.run_row(summed)["rows_published"] > 0
        assert record["bytes_billed"] == job.total_bytes_billed >= 10 * 1024 * 1024
        assert record["bytes_processed"] == job.total_bytes_processed > 0
        assert record["slot_millis"] == job.slot_millis > 0


def refusal(executions: Executions, delivery: Delivery) -> str:
    """The error of an executor that runs the delivery with a changed template, and whether it is final."""
    assert executions.deliver(delivery) == "FAILED"
    failed = executions.events(delivery)[-1]
    return f"{failed['error_class']} {'retryable' if failed['retryable'] else 'final'} {failed['error_message']}"


def paid_for(executions: Executions, delivery: Delivery) -> list[str]:
    """The statements of the run's query jobs, without dry runs and without those that end the run."""
    jobs = [job for job in executions.jobs_of(delivery) if job["kind"] == "QUERY" and job["error"] is None]
    return [job["labels"]["statement"] for job in jobs if job["labels"]["step"] not in {"begin", "log", "close"}]


STEP = {"id": "summary", "uses": "sql", "with": {"query": DAILY, "shape": "gcp_cost_daily_by_service"}}
OWN = {"steps": [STEP | {"with": {"query": "own", "shape": "gcp_cost_daily_by_service"}}]}
OWN_SQL = """
-- name: own
-- A statement of the test's.
-- param: source STRING
-- param: dates ARRAY<DATE>
SELECT {} AS usage_date
FROM {{dataset}}.gcp_cost_billing
WHERE x_source = @source AND x_usage_date IN UNNEST(@dates)
"""
LEAST = 10 * 1024 * 1024  # what BigQuery bills for a query that reads one table


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"steps": [STEP | {"max_bytes_billed": LEAST - 1}]},
            rf"BYTES_LIMIT_EXCEEDED final steps.summary: would bill {LEAST} bytes, .* leaves {LEAST - 1}",
        ),
        ({"max_bytes_billed": 1000}, r"BYTES_LIMIT_EXCEEDED final steps.summary: .* leaves 1000"),
        (
            {"max_bytes_billed": LEAST + 1},
            r"BYTES_LIMIT_EXCEEDED final .*limit for bytes billed: 1\.",  # the limit leaves one byte for the checks
        ),
        ({"max_bytes_billed": LEAST}, r"BYTES_LIMIT_EXCEEDED final .*limit for bytes billed: 1\."),  # no byte left
        (
            {"steps": [STEP | {"with": {"query": DAILY, "shape": "gcp_cost_billing"}}]},
            r"INVALID_TEMPLATE final steps.summary: the result has no column billing_account_id, which gcp_cost",
        ),
        (
            {"steps": [STEP | {"with": {"query": "billed_by_day", "shape": "gcp_cost_daily_by_service"}}]},
            r"INVALID_TEMPLATE final .*steps.summary.with.query: \{rows\} of billed_by_day: no step, table or",
        ),
        (
            OWN | {"sql": OWN_SQL.format("x_usage_dat")},
            r"INVALID_TEMPLATE final gcp-cost-daily_by_service: steps.summary: own: BigQuery: invalidQuery",
        ),
        (
            OWN | {"sql": OWN_SQL.format("(x_usage_date")},
            r"INVALID_TEMPLATE final gcp-cost-daily_by_service: steps.summary: own: BigQuery: invalidQuery",
        ),
        (
            OWN | {"sql": OWN_SQL.format("x_usage_date").replace("{dataset}", "{dataset")},
            r"INVALID_TEMPLATE final .*gcp/cost/daily_by_service.sql:\d+: own: expected '}' before end of string",
        ),
        (
            OWN | {"sql": OWN_SQL.format("{column}")},
            r"INVALID_TEMPLATE final .*gcp/cost/daily_by_service.sql:\d+: own: \{column\}: no step, table or",
        ),
        (
            OWN | {"sql": OWN_SQL.format("CAST(x_usage_date AS STRING)")},
            r"INVALID_TEMPLATE final steps.summary: column usage_date is STRING in the result and DATE in",
        ),
        (
            OWN | {"sql": OWN_SQL.format("x_usage_date").replace("{dataset}", "tenants")},
            r"INVALID_TEMPLATE final .*own: tenants.gcp_cost_billing is not in the dataset of the run's tenant",
        ),
    ],
)
def test_a_step_that_may_not_run_is_refused_before_it_costs_anything(
    with_changes: WithChanges, billed: Delivery, changes: Json, says: str
) -> None:
    executions = with_changes(changes)
    delivery = executions.admit(billed.tenant, ALL_DAYS, template=DAILY)
    said = refusal(executions, delivery)
    assert re.match(says, said), said
    assert paid_for(executions, delivery) == ["claim_run"] + [DAILY] * ("limit for bytes" in says)


@pytest.mark.parametrize(
    ("template", "changes", "says", "paid"),
    [
        ("billing", {"max_bytes_billed": LEAST - 1}, f"steps.extract: would bill {LEAST} bytes, .* {LEAST - 1}", []),
        (
            DAILY,
            {"checks": [], "max_bytes_billed": 3 * LEAST},
            rf"publish: would bill \d{{8}} bytes, .* {LEAST}",
            [DAILY, "run_checks"],
        ),
        (
            DAILY,
            {"checks": [], "max_bytes_billed": 10 * LEAST},
            rf"publish: would bill {9 * LEAST} bytes, .* {8 * LEAST}",
            [DAILY, "run_checks"],
        ),
    ],
)
def test_statements_that_compare_or_replace_published_rows_are_refused_too(
    with_changes: WithChanges, billed: Delivery, template: str, changes: Json, says: str, paid: list[str]
) -> None:
    executions, tenant = with_changes(changes), billed.tenant
    delivery = executions.admit(tenant, {} if template == "billing" else ALL_DAYS, template=template)
    before = executions.published(tenant)
    said = refusal(executions, delivery)
    assert re.match(f"BYTES_LIMIT_EXCEEDED final {says}", said), said
    assert paid_for(executions, delivery) == ["claim_run", *paid]
    assert executions.published(tenant) == before


def test_the_bytes_that_an_extract_bills_for_reading_published_rows_are_counted(
    extracting: Executions, billed: Delivery
) -> None:
    extracted = extracting.steps_of(extracting.run(billed.tenant, {}))[0]
    assert (extracted["step_id"], extracted["bytes_billed"]) == ("extract", LEAST)


@pytest.mark.parametrize("step", ["begin", "summary"])
def test_a_killed_run_is_completed_by_the_next_attempt(
    executions: Executions, billed: Delivery, start_instance: StartInstance, step: str
) -> None:
    delivery, instance = executions.admit(billed.tenant, ALL_DAYS, template=DAILY), start_instance()
    with executions.held(delivery, step, url=instance.url) as held:
        instance.signal(signal.SIGKILL)
        assert held.answer.result() == "CUT OFF"
    rescued = executions.admit_again(delivery)
    assert executions.deliver(rescued) == "SUCCEEDED", executions.error_of(rescued)
    assert totals(executions, billed.tenant) == wanted(billed.tenant.export.truth)
    summaries = [job["id"] for job in executions.jobs_of(rescued) if job["labels"].get("step") == "summary"]
    assert len(summaries) == 1
