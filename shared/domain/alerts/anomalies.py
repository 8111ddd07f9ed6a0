"""Finds days on which a service cost far more than usual, by the median and the median absolute deviation (MAD).

The usual deviation is 1.4826 times the MAD, which is the standard deviation if the costs are normally distributed:
Rousseeuw and Croux, "Alternatives to the Median Absolute Deviation", 1993. Unlike a mean, a median is not moved by the
few days that are to be found.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from shared.domain.alerts.exact import EXACT, difference, median, plain
from shared.domain.alerts.firing import Fired, alert_id
from shared.domain.alerts.rules import AnomalyRule
from shared.domain.alerts.spending import STALE_AFTER, DailySpending, complete_through, data_through, first_days

HISTORY_DAYS, LEAST_HISTORY_DAYS = 28, 14
FIRING_DAYS = 7  # complete days that may alert; older days only lose their alert when they are restated
RECHECKED_DAYS = 35
READ_DAYS = RECHECKED_DAYS + HISTORY_DAYS + STALE_AFTER.days
_DEVIATION = Decimal("1.4826")


@dataclass(frozen=True)
class Verdict:
    """A judged day of a service: its cost, and what is usual there."""

    provider: str
    service: str
    day: date
    cost: Decimal
    median: Decimal
    mad: Decimal
    is_anomaly: bool


@dataclass(frozen=True)
class Days:
    """The days of the read costs that can be judged, for each provider: from the first day on, to the last one."""

    costs: Mapping[tuple[str, str], Mapping[date, Decimal]]
    first: Mapping[str, date]
    complete: Mapping[str, date]
    newest: Mapping[str, date]

    @staticmethod
    def of(spending: DailySpending) -> Days:
        """The days of what was read."""
        costs: dict[tuple[str, str], dict[date, Decimal]] = defaultdict(dict)
        for each in spending.days:
            costs[each.provider, each.service][each.day] = each.cost
        reaches = spending.reaches
        return Days(costs, first_days(reaches), complete_through(reaches), data_through(reaches))

    def judge(self, provider: str, service: str, day: date, rule: AnomalyRule) -> Verdict | None:
        """The verdict on a day; None if it is not complete, or if too few days lie before it.

        A day without charges costs nothing. Days before the provider's first day do not count.
        """
        if provider not in self.complete or not day <= self.complete[provider]:
            return None
        first = max(self.first[provider], day - timedelta(days=HISTORY_DAYS))
        length = (day - first).days
        if length < LEAST_HISTORY_DAYS:
            return None
        costs = self.costs.get((provider, service), {})
        before = [costs.get(first + timedelta(days=number), Decimal(0)) for number in range(length)]
        return _verdict(provider, service, day, costs.get(day, Decimal(0)), usual=before, rule=rule)

    def firing_days(self, provider: str, today: date) -> Iterator[date]:
        """The days of a provider that may alert, the oldest first."""
        if self.newest[provider] >= today - STALE_AFTER:
            last = self.complete[provider]
            yield from (last - timedelta(days=number) for number in reversed(range(FIRING_DAYS)))


def _verdict(
    provider: str, service: str, day: date, cost: Decimal, *, usual: list[Decimal], rule: AnomalyRule
) -> Verdict:
    middle = median(usual)
    mad = median([difference(each, middle).copy_abs() for each in usual])
    excess = difference(cost, middle)
    deviations = EXACT.multiply(EXACT.multiply(_DEVIATION, mad), Decimal(rule.sensitivity))
    is_anomaly = excess > deviations and excess >= rule.minimum_amount and cost >= rule.minimum_amount
    return Verdict(provider, service, day, cost, middle, mad, is_anomaly)


def find_anomalies(days: Days, rule: AnomalyRule, *, tenant_id: str, today: date) -> Iterator[Fired]:
    """An alert for each service and recent complete day that is an anomaly, the oldest day first."""
    for provider, service in sorted(days.costs):
        for day in days.firing_days(provider, today):
            verdict = days.judge(provider, service, day, rule)
            if verdict and verdict.is_anomaly:
                yield Fired(anomaly_id(verdict, rule.currency, tenant_id), _facts(verdict, rule))


def anomaly_id(verdict: Verdict, currency: str, tenant_id: str) -> str:
    """The id of the alert for a service and a day."""
    return alert_id(tenant_id, "anomaly", verdict.provider, verdict.service, currency, verdict.day.isoformat())


def is_still_anomaly(facts: Mapping[str, Any], days: Days, rule: AnomalyRule) -> bool | None:
    """Whether the day of an earlier alert is an anomaly now; None if this cannot be said."""
    day, provider = date.fromisoformat(facts["day"]), facts["provider"]
    if facts["currency"] != rule.currency or provider not in days.complete:
        return None
    if day < days.complete[provider] - timedelta(days=RECHECKED_DAYS):
        return None
    verdict = days.judge(provider, facts["service"], day, rule)
    return verdict.is_anomaly if verdict else None


def anomaly_state(spending: DailySpending) -> dict[str, Any]:
    """What the last look at the costs covered, for the answers."""
    return {
        "complete_through": {name: day.isoformat() for name, day in complete_through(spending.reaches).items()},
        "data_through": {name: day.isoformat() for name, day in data_through(spending.reaches).items()},
        "not_counted": sorted(spending.other_currencies),
    }


def _facts(verdict: Verdict, rule: AnomalyRule) -> dict[str, Any]:
    return {
        "kind": "anomaly",
        "day": verdict.day.isoformat(),
        "provider": verdict.provider,
        "service": verdict.service,
        "cost": plain(verdict.cost),
        "median": plain(verdict.median),
        "mad": plain(verdict.mad),
        "currency": rule.currency,
        "metric": rule.metric,
        "filter": rule.filter,
    }
