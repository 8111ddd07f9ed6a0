"""The store of the costs that a tenant's rules are compared with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from shared.adapters.bigquery.job_errors import Missing
from shared.adapters.bigquery.sql import Statement, statement
from shared.adapters.bigquery.warehouse import JobOptions, Row, Warehouse
from shared.adapters.stores.cost_statements import MAX_BYTES
from shared.domain.alerts.anomalies import READ_DAYS
from shared.domain.alerts.rules import AnomalyRule, BudgetRule
from shared.domain.alerts.spending import STALE_AFTER, DailySpending, DayCost, MonthCost, MonthlySpending, Reach
from shared.domain.costs import METRICS, filtered

_MAX_SERVICES = 500


@dataclass(frozen=True)
class AlertCosts:
    """Reads sums of focus_cost. A tenant without that table has none."""

    warehouse: Warehouse

    def read_monthly(self, tenant_id: str, rule: BudgetRule, *, today: date) -> MonthlySpending:
        """The costs of the months that a budget may be compared with. One job."""
        oldest = (today - STALE_AFTER).replace(day=1)
        values = {"first_date": (oldest - timedelta(days=1)).replace(day=1), "today": today}
        found = self._read(monthly_statement(rule), tenant_id, {**values, **_filter_value(rule)})
        if found is None:
            return MonthlySpending()
        row, bytes_read = found
        return MonthlySpending([MonthCost(**month) for month in row["months"]], _reaches(row), bytes_read)

    def read_daily(self, tenant_id: str, rule: AnomalyRule, *, today: date) -> DailySpending:
        """The costs of the days among which anomalies are searched. One job."""
        values = {
            "first_date": today - timedelta(days=READ_DAYS),
            "today": today,
            "currency": rule.currency,
            "minimum_amount": rule.minimum_amount,
            "most_services": _MAX_SERVICES,
        }
        found = self._read(daily_statement(rule), tenant_id, {**values, **_filter_value(rule)})
        if found is None:
            return DailySpending()
        row, bytes_read = found
        days = [DayCost(**day) for day in row["days"]]
        return DailySpending(days, _reaches(row), row["other_currencies"], bytes_read)

    def _read(self, query: Statement, tenant_id: str, values: Mapping[str, Any]) -> tuple[Row, int] | None:
        limit = JobOptions(max_bytes_billed=MAX_BYTES)
        try:
            (found,), bytes_read = self.warehouse.read_measured(query, values, dataset=tenant_id, options=limit)
        except Missing as error:
            if not error.is_in(tenant_id):
                raise
            return None
        return found, bytes_read


def monthly_statement(rule: BudgetRule) -> Statement:
    """The statement that reads what a budget needs."""
    return _naming(statement("alert_costs", "read_monthly"), rule)


def daily_statement(rule: AnomalyRule) -> Statement:
    """The statement that reads what the search for anomalies needs."""
    return _naming(statement("alert_costs", "read_daily"), rule)


def _naming(query: Statement, rule: BudgetRule | AnomalyRule) -> Statement:
    column, _ = filtered(rule.filter) or ("ServiceName", "")
    return query.naming(metric=METRICS[rule.metric], filter_column=column)


def _filter_value(rule: BudgetRule | AnomalyRule) -> dict[str, str | None]:
    found = filtered(rule.filter)
    return {"filter_value": found[1] if found else None}


def _reaches(found: Row) -> list[Reach]:
    return [Reach(**row) for row in found["reaches"]]
