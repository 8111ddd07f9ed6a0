"""Decides which thresholds of a monthly budget a tenant has reached."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from shared.domain.alerts.exact import EXACT, percent_of, plain, total
from shared.domain.alerts.firing import Fired, alert_id
from shared.domain.alerts.rules import BudgetRule
from shared.domain.alerts.spending import STALE_AFTER, MonthlySpending, data_through


@dataclass(frozen=True)
class MonthStanding:
    """How much of the budget one month has used. `not_counted` has the costs in other currencies."""

    month: date
    cost: Decimal
    not_counted: Mapping[str, Decimal]

    def has_reached(self, threshold: int, rule: BudgetRule) -> bool:
        """Whether the cost is at least this percentage of the budget."""
        return EXACT.multiply(self.cost, Decimal(100)) >= EXACT.multiply(rule.amount, Decimal(threshold))


def judged_months(spending: MonthlySpending, *, set_at: datetime, today: date) -> list[date]:
    """The first days of the months that the budget is compared with.

    It is the month of the newest charges, and the month before it if the budget is older than that month's end: its
    last days arrive in the next month. Old bills, such as those of a backfill, alert nobody.
    """
    newest = max(data_through(spending.reaches).values(), default=None)
    if newest is None or newest < today - STALE_AFTER:
        return []
    month = newest.replace(day=1)
    if set_at.date() >= month:
        return [month]
    return [(month - timedelta(days=1)).replace(day=1), month]


def month_standing(month: date, spending: MonthlySpending, rule: BudgetRule) -> MonthStanding:
    """The standing of a month. A month without charges has used nothing."""
    of_month = [each for each in spending.months if each.month == month]
    return MonthStanding(
        month,
        total(each.cost for each in of_month if each.billing_currency == rule.currency),
        {each.billing_currency: each.cost for each in of_month if each.billing_currency != rule.currency},
    )


def reached_thresholds(standings: Iterable[MonthStanding], rule: BudgetRule, *, tenant_id: str) -> Iterator[Fired]:
    """An alert for each threshold that a month has reached, the lowest first."""
    for standing in standings:
        for threshold in rule.thresholds:
            if standing.has_reached(threshold, rule):
                yield Fired(threshold_id(standing.month, threshold, rule, tenant_id), _facts(standing, threshold, rule))


def threshold_id(month: date, threshold: int, rule: BudgetRule, tenant_id: str) -> str:
    """The id of the alert for a threshold of a month. It is new if the budget changes, except for its thresholds."""
    of_rule = (plain(rule.amount), rule.currency, rule.metric, rule.filter or "")
    return alert_id(tenant_id, "budget", *of_rule, month.isoformat(), str(threshold))


def budget_state(standings: Sequence[MonthStanding], spending: MonthlySpending, rule: BudgetRule) -> dict[str, Any]:
    """What the last look at the costs found, for the answers: the newest judged month, if there is one."""
    reach = {provider: day.isoformat() for provider, day in data_through(spending.reaches).items()}
    state: dict[str, Any] = {"month": None, "cost": None, "percent": None, "not_counted": [], "data_through": reach}
    if standings:
        newest = standings[-1]
        state |= {
            "month": newest.month.isoformat()[:7],
            "cost": plain(newest.cost),
            "percent": plain(percent_of(newest.cost, rule.amount)),
            "not_counted": [
                {"billing_currency": currency, "cost": plain(cost)}
                for currency, cost in sorted(newest.not_counted.items())
            ],
        }
    return state


def _facts(standing: MonthStanding, threshold: int, rule: BudgetRule) -> dict[str, Any]:
    return {
        "kind": "budget",
        "month": standing.month.isoformat()[:7],
        "threshold_percent": threshold,
        "percent": plain(percent_of(standing.cost, rule.amount)),
        "cost": plain(standing.cost),
        "amount": plain(rule.amount),
        "currency": rule.currency,
        "metric": rule.metric,
        "filter": rule.filter,
    }
