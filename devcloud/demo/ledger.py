"""Reads the costs, quotas and jobs that the demo shows from BigQuery."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from google.cloud import bigquery

from devcloud.demo.all_clouds_table import DayCost

_COST = """
SELECT
  x_usage_date AS usage_date,
  COALESCE(service.description, 'unknown') AS service,
  SUM(cost + COALESCE((SELECT SUM(credit.amount) FROM UNNEST(credits) AS credit), 0)) AS total,
  COUNT(*) AS row_count
FROM `{dataset}`.gcp_cost_billing
WHERE x_usage_date BETWEEN @first AND @last
GROUP BY usage_date, service
"""
_CATEGORIES = """
SELECT ServiceCategory AS category, SUM(BilledCost) AS total
FROM `{dataset}`.focus_cost
WHERE DATE(ChargePeriodStart) BETWEEN @first AND @last
  AND x_source = @source
GROUP BY category
ORDER BY total DESC, category
"""
_ALL_CLOUDS = """
SELECT
  ProviderName AS cloud,
  ServiceCategory AS category,
  DATE(ChargePeriodStart) AS day,
  SUM(BilledCost) AS billed
FROM `{dataset}`.focus_cost
WHERE DATE(ChargePeriodStart) BETWEEN @first AND @last
  AND ChargeCategory != 'Tax'
GROUP BY cloud, category, day
ORDER BY cloud, category, day
"""
_BILLED_BY_PERIOD = """
SELECT ProviderName AS cloud, FORMAT_TIMESTAMP('%Y-%m', BillingPeriodStart) AS period, SUM(BilledCost) AS billed
FROM `{dataset}`.focus_cost
GROUP BY cloud, period
ORDER BY cloud, period
"""
_DAYS_OF_RUN = """
SELECT DISTINCT x_usage_date AS usage_date
FROM `{dataset}`.gcp_cost_billing
WHERE x_pipeline_logging_id = @run
ORDER BY usage_date
"""
_QUOTA = """
SELECT
  subscriptions.daily_limit,
  subscriptions.concurrent_limit,
  COALESCE(quotas.pipelines_run_today, 0) AS used,
  COALESCE(quotas.pipelines_succeeded_today, 0) AS succeeded
FROM `tenants`.tenant_subscriptions AS subscriptions
LEFT JOIN `tenants`.tenant_usage_quotas AS quotas
  ON quotas.tenant_id = subscriptions.tenant_id AND quotas.usage_date = CURRENT_DATE()
WHERE subscriptions.tenant_id = @tenant_id
"""


_ONBOARDED = "SELECT tenant_id FROM `tenants`.tenant_profiles WHERE tenant_id = @tenant_id"


@dataclass(frozen=True)
class Cost:
    """The published net cost of a range of days, credits deducted: `by_service[service][day]`."""

    by_service: dict[str, dict[date, Decimal]]
    rows: int

    @property
    def total(self) -> Decimal:
        """The exact total."""
        return sum((sum(days.values(), Decimal(0)) for days in self.by_service.values()), Decimal(0))


@dataclass(frozen=True)
class Ledger:
    """Reads as the operator."""

    client: bigquery.Client

    def cost(self, tenant_id: str, first: date, last: date) -> Cost:
        """Published net cost by service and usage date, both ends included."""
        by_service: dict[str, dict[date, Decimal]] = {}
        rows = 0
        for row in self._rows(_COST.format(dataset=tenant_id), _days(first, last)):
            by_service.setdefault(row["service"], {})[row["usage_date"]] = row["total"]
            rows += row["row_count"]
        return Cost(by_service, rows)

    def billed_by_category(self, tenant_id: str, source: str, first: date, last: date) -> dict[str, Decimal]:
        """FOCUS's BilledCost of one source by ServiceCategory, the dearest first, both ends included."""
        parameters = [*_days(first, last), bigquery.ScalarQueryParameter("source", "STRING", source)]
        rows = self._rows(_CATEGORIES.format(dataset=tenant_id), parameters)
        return {row["category"]: row["total"] for row in rows}

    def costs_of_all_clouds(self, tenant_id: str, first: date, last: date) -> list[DayCost]:
        """BilledCost without taxes by cloud, ServiceCategory and day, both ends included."""
        rows = self._rows(_ALL_CLOUDS.format(dataset=tenant_id), _days(first, last))
        return [DayCost(row["cloud"], row["category"], row["day"], row["billed"]) for row in rows]

    def billed_by_period(self, tenant_id: str) -> dict[str, dict[str, Decimal]]:
        """All BilledCost by cloud and billing period, oldest first."""
        billed: dict[str, dict[str, Decimal]] = {}
        for row in self._rows(_BILLED_BY_PERIOD.format(dataset=tenant_id), []):
            billed.setdefault(row["cloud"], {})[row["period"]] = row["billed"]
        return billed

    def days_of_run(self, tenant_id: str, pipeline_logging_id: str) -> list[date]:
        """The usage dates whose published rows come from a run."""
        parameters = [bigquery.ScalarQueryParameter("run", "STRING", pipeline_logging_id)]
        return [row["usage_date"] for row in self._rows(_DAYS_OF_RUN.format(dataset=tenant_id), parameters)]

    def quota(self, tenant_id: str) -> dict[str, int]:
        """The limits of the subscription and how much of them is used today."""
        parameters = [bigquery.ScalarQueryParameter("tenant_id", "STRING", tenant_id)]
        return dict(next(iter(self._rows(_QUOTA, parameters))).items())

    def is_onboarded(self, tenant_id: str) -> bool:
        """Whether there is a tenant with this id."""
        parameters = [bigquery.ScalarQueryParameter("tenant_id", "STRING", tenant_id)]
        return any(True for _ in self._rows(_ONBOARDED, parameters))

    def _rows(self, sql: str, parameters: list[bigquery.ScalarQueryParameter]) -> Any:
        config = bigquery.QueryJobConfig(query_parameters=parameters)
        return self.client.query_and_wait(sql, job_config=config)


def _days(first: date, last: date) -> list[bigquery.ScalarQueryParameter]:
    return [
        bigquery.ScalarQueryParameter("first", "DATE", first),
        bigquery.ScalarQueryParameter("last", "DATE", last),
    ]
