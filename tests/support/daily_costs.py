"""Compares focus_cost_daily with the rows of focus_cost."""

from __future__ import annotations

from google.cloud import bigquery

from tests.support.queries import ask

_KEYS = (
    "DATE(ChargePeriodStart), BillingPeriodStart, BillingCurrency, ProviderName, BillingAccountId, SubAccountId,"
    " RegionId, ServiceCategory, ServiceName, ChargeCategory, x_source"
)
_COSTS = ("BilledCost", "EffectiveCost", "ContractedCost", "ListCost")
_SUMS = ", ".join(f"SUM({cost}) AS {cost}" for cost in _COSTS)


def assert_added_up(client: bigquery.Client, dataset: str) -> None:
    """Assert that both tables have the same sums and rows for each combination of values, and that there are some."""
    from_rows, from_days = (
        ask(
            client,
            f"SELECT TO_JSON_STRING(STRUCT({_KEYS})) AS key, {_SUMS}, {count} AS row_count FROM {dataset}.{table}"
            " GROUP BY key ORDER BY key",
        )
        for table, count in (("focus_cost", "COUNT(*)"), ("focus_cost_daily", "SUM(x_row_count)"))
    )
    assert from_days == from_rows
    assert from_rows


def is_complete(client: bigquery.Client, dataset: str) -> bool | None:
    """What the tenant's last publish says about focus_cost_daily."""
    (last,) = ask(
        client,
        f"SELECT summary_complete FROM {dataset}.x_meta_pipeline_runs WHERE status = 'COMPLETED'"
        " ORDER BY turn DESC LIMIT 1",
    )
    found: bool | None = last["summary_complete"]
    return found


def forget_days(client: bigquery.Client, dataset: str) -> None:
    """Make the tenant one whose runs an earlier release has published, without focus_cost_daily."""
    client.delete_table(f"{dataset}.focus_cost_daily")
    ask(client, f"UPDATE {dataset}.x_meta_pipeline_runs SET summary_complete = NULL WHERE TRUE")
