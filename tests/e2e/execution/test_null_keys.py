"""NULL is an ordinary key: rows without a currency, a project or an account match on both sides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from google.cloud import bigquery

from devcloud.seed_billing.export import load_schema
from shared.adapters.bigquery.sql import Statement, statement
from tests.focus.conftest import statements  # noqa: F401 - a fixture
from tests.support.executions import Executions
from tests.support.focus.statements import Statements, credit, fee, row
from tests.support.planted import Planted
from tests.support.tenant import Tenant

Json = dict[str, Any]

DAY = "2025-11-16"
TOTALS = {"total": "cost", "keys": ["usage_date", "project_id", "currency"]}


@pytest.fixture
def planted(executions: Executions, tenant: Tenant, tmp_path: Path) -> Planted:
    return Planted(executions, tenant, tmp_path)


def billed(*days: tuple[str | None, int, str]) -> Statement:
    """A statement that returns one day's row for each of these currencies, with its number of rows and its cost."""
    selected = [
        f"SELECT DATE '{DAY}' AS usage_date, NULLIF('{currency}', 'None')"
        f" AS billing_currency, {rows} AS row_count, NUMERIC '{cost}' AS billed_cost"
        for currency, rows, cost in days
    ]
    return Statement("billed", " UNION ALL ".join(selected), {})


def test_a_day_without_currency_is_restated_once(executions: Executions, tenant: Tenant) -> None:
    executions.prepare(tenant)
    restated = statement("pipeline/publish", "restated_days").naming(
        billed_before=billed((None, 1, "3"), ("USD", 1, "1")), billed_after=billed((None, 2, "5"), ("EUR", 1, "2"))
    )
    values = {"pipeline_logging_id": "a-run", "table_name": "gcp_cost_billing", "source": "s", "dates": []}
    parameters = restated.query_parameters({name: values[name] for name in restated.parameters})
    rows = executions.client.query_and_wait(
        restated.sql(dataset=tenant.tenant_id), job_config=bigquery.QueryJobConfig(query_parameters=parameters)
    )
    figures = ("billing_currency", "rows_before", "rows_after", "cost_before", "cost_after")
    assert sorted(([row[name] for name in figures] for row in rows), key=str) == [
        ["EUR", 0, 1, 0, 2], ["USD", 1, 0, 1, 0], [None, 1, 2, 3, 5],
    ]  # fmt: skip


def test_totals_without_a_project_or_a_currency_are_reconciled(planted: Planted) -> None:
    against_table = {
        "id": "same",
        "uses": "reconciliation",
        "with": {
            "by": ["day", "project", "currency"],
            "observed": {"step": "planted", **TOTALS},
            "expected": {"table": "gcp_cost_daily_by_service", **TOTALS},
        },
    }
    rows: list[Json] = [{}, {"project_id": None}, {"project_id": None, "currency": "EUR"}]
    assert planted.run([], rows).error is None
    again = planted.run([against_table], rows)
    assert (again.error, again.checks["same"]["observed"]) == (None, "3 totals")
    changed = planted.run([against_table], [*rows[1:], {"currency": None, "cost": 2}])
    assert changed.error is not None
    assert changed.error.message == f"same: {DAY} p NULL: 2; {DAY} p USD: 0, expected {DAY} p NULL: 0; {DAY} p USD: 1"


def test_a_column_that_must_have_a_value_is_named_when_a_row_has_none(planted: Planted) -> None:
    error = planted.run([], [{"currency": None}]).error
    assert error is not None
    assert (error.message, error.retryable) == ("BigQuery: invalidQuery, Required field currency cannot be null", False)


def test_a_row_without_currency_matches_the_source_that_has_it(executions: Executions, tenant: Tenant) -> None:
    executions.prepare(tenant)
    table = f"{tenant.project}.billing.no_currency"
    lines: list[Json] = [
        row(usage_start_time=f"{DAY}T{hour}:00:00Z", usage_end_time=f"{DAY}T{hour + 1}:00:00Z", currency=currency)
        for hour, currency in ((10, None), (11, "EUR"), (12, "USD"))
    ]
    known = {column["name"] for column in load_schema()}
    schema = [bigquery.SchemaField.from_api_repr(column) for column in load_schema()]
    with tenant.cloud.clients(tenant.gcp_key) as clients:
        rows = [{name: value for name, value in line.items() if name in known} for line in lines]
        config = bigquery.LoadJobConfig(schema=schema)
        clients.bigquery().load_table_from_json(rows, table, job_config=config).result()
    delivery = executions.admit(tenant, {"date": DAY, "billing_export_table": table})
    assert executions.deliver(delivery) == "FAILED"
    checks = executions.query(
        f"SELECT check_id, passed, observed FROM {tenant.tenant_id}.x_meta_dq_results"
        " WHERE pipeline_logging_id = @run_id",
        run_id=delivery.run_id,
    )
    assert {check["check_id"] for check in checks if not check["passed"]} == {
        "required_columns.currency", "focus_missing_values",
    }  # fmt: skip
    (source,) = [check["observed"] for check in checks if check["check_id"] == "same_as_source"]
    assert source == "1 rows, 1 without a currency; 1 rows, 1 EUR; 1 rows, 1 USD"


@pytest.mark.parametrize("missing", ["billing_account_id", "currency"])
def test_covered_usage_without_an_account_or_a_currency_meets_its_fees(
    statements: Statements,  # noqa: F811 - a fixture
    missing: str,
) -> None:
    lines = [fee("c", "1"), row(credits=[credit("COMMITTED_USAGE_DISCOUNT", "-1")])]
    extract = statements.staged([line | {missing: None} for line in lines])
    focus = statements.focus_table(extract)
    assert statements.failing("focus_utilization", focus, extract) == []
    planted = statements.planted(focus, "EffectiveCost = 0 WHERE CommitmentDiscountStatus = 'Used'")
    (found,) = statements.failing("focus_utilization", planted, extract)
    assert (found["fees"], found["covered_cost"], found["effective_cost"]) == (1, 1, 0)
