from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from devcloud.seed_billing.rows import Plan, default_start
from tests.support.tenant import SMALL_EXPORT, Tenant

_SUMS = """
SELECT
  {key} AS sums_of,
  COUNT(*) AS row_count,
  SUM(CAST(cost AS NUMERIC)) AS cost,
  SUM((SELECT COALESCE(SUM(CAST(credit.amount AS NUMERIC)), 0) FROM UNNEST(credits) AS credit)) AS credits
FROM `{table}`
GROUP BY sums_of
"""


def sums(tenant: Tenant, table: str, key: str) -> dict[str, Any]:
    with tenant.cloud.clients(tenant.gcp_key) as clients:
        rows = list(clients.bigquery().query_and_wait(_SUMS.format(key=key, table=table)))
    return {
        str(row["sums_of"]): {
            "rows": row["row_count"],
            "cost": row["cost"],
            "credits": row["credits"],
            "total": row["cost"] + row["credits"],
        }
        for row in rows
    }


def said(truth: dict[str, Any]) -> dict[str, Any]:
    return {
        key: {name: value if name == "rows" else Decimal(value) for name, value in entry.items()}
        for key, entry in truth.items()
    }


def test_the_table_adds_up_to_the_expected_sums(tenant: Tenant) -> None:
    export = tenant.export
    assert sums(tenant, export.table, "invoice.month") == said(export.truth["invoice_months"])
    assert sums(tenant, export.table, "DATE(usage_start_time)") == said(export.truth["usage_dates"])


def test_rows_lie_in_the_partition_of_the_day_they_were_exported(tenant: Tenant) -> None:
    with tenant.cloud.clients(tenant.gcp_key) as clients:
        client = clients.bigquery()
        table = client.get_table(tenant.export.table)
        rows = client.query_and_wait(
            f"SELECT COUNTIF(DATE(_PARTITIONTIME) != DATE(export_time)) AS misplaced FROM `{tenant.export.table}`"
        )
        assert [row["misplaced"] for row in rows] == [0]
    assert (table.time_partitioning.type_, table.time_partitioning.field) == ("DAY", None)
    assert table.location == "US"


def test_a_list_that_a_row_does_not_have_is_empty(tenant: Tenant) -> None:
    with tenant.cloud.clients(tenant.gcp_key) as clients:
        rows = clients.bigquery().query_and_wait(
            f"SELECT COUNTIF(ARRAY_LENGTH(labels) IS NULL) AS without, COUNTIF(ARRAY_LENGTH(labels) = 0) AS empty,"
            f" COUNTIF(project IS NULL) AS no_project FROM `{tenant.export.table}`"
        )
        counted = next(iter(rows))
    assert counted["without"] == 0
    assert counted["empty"] > 0
    assert counted["no_project"] > 0


def test_seeding_again_replaces_the_table_and_appending_adds_to_it(tenant: Tenant) -> None:
    first = tenant.export
    again = tenant.seed(SMALL_EXPORT)
    assert again.truth == first.truth
    assert sums(tenant, again.table, "'all'")["all"]["rows"] == first.truth["rows"]

    later = Plan(SMALL_EXPORT.seed, SMALL_EXPORT.end, days=1, rows_per_day=10)
    more = tenant.seed(later, append=True)
    assert sums(tenant, more.table, "'all'")["all"]["rows"] == first.truth["rows"] + more.truth["rows"]


def test_an_export_can_lie_in_another_location(tenant: Tenant) -> None:
    export = tenant.seed(Plan(seed=3, start=date(2025, 11, 1), days=1, rows_per_day=5), location="europe-west3")
    with tenant.cloud.clients(tenant.gcp_key) as clients:
        assert clients.bigquery().get_table(export.table).location == "europe-west3"


def test_the_default_range_ends_before_today() -> None:
    plan = Plan(seed=1, start=default_start(30), days=30, rows_per_day=1)
    assert plan.end < datetime.now(UTC).date()
