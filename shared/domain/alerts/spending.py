"""Describes what was read of a tenant's costs for its rules, and how far the data reaches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

# A source that has delivered nothing for so long has ended, so other sources of its provider do not wait for it.
SILENT_AFTER = timedelta(days=7)
# Bills that end so long ago are history, for example the first months of a backfill. They alert nobody.
STALE_AFTER = timedelta(days=35)


@dataclass(frozen=True)
class Reach:
    """The first and the newest day of one source with charges, not counting days in the future."""

    provider: str
    source: str
    first_day: date
    newest_day: date


@dataclass(frozen=True)
class MonthCost:
    """The cost of one month in one currency."""

    month: date
    billing_currency: str
    cost: Decimal


@dataclass(frozen=True)
class DayCost:
    """The usage cost of one service on one day, in the rule's currency."""

    provider: str
    service: str
    day: date
    cost: Decimal


@dataclass(frozen=True)
class MonthlySpending:
    """The costs of the last months, for a budget, and how many bytes were read for them."""

    months: Sequence[MonthCost] = ()
    reaches: Sequence[Reach] = ()
    bytes_read: int = 0


@dataclass(frozen=True)
class DailySpending:
    """The costs of the last days, for the search for anomalies, and how many bytes were read for them.

    `other_currencies` have usage that is not judged.
    """

    days: Sequence[DayCost] = ()
    reaches: Sequence[Reach] = ()
    other_currencies: Sequence[str] = ()
    bytes_read: int = 0


def data_through(reaches: Iterable[Reach]) -> dict[str, date]:
    """For each provider, the newest day with charges."""
    newest: dict[str, date] = {}
    for reach in reaches:
        newest[reach.provider] = max(reach.newest_day, newest.get(reach.provider, date.min))
    return dict(sorted(newest.items()))


def complete_through(reaches: Sequence[Reach]) -> dict[str, date]:
    """For each provider, the last day that is complete: each of its sources has charges of a later day."""
    newest = data_through(reaches)
    return {
        provider: min(
            reach.newest_day
            for reach in reaches
            if reach.provider == provider and reach.newest_day >= through - SILENT_AFTER
        )
        - timedelta(days=1)
        for provider, through in newest.items()
    }


def first_days(reaches: Iterable[Reach]) -> dict[str, date]:
    """For each provider, the first day with charges."""
    first: dict[str, date] = {}
    for reach in reaches:
        first[reach.provider] = min(reach.first_day, first.get(reach.provider, date.max))
    return first
