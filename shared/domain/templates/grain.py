"""Computes the days that a run covers: with grain month, all days of the months of the requested days."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Literal

Grain = Literal["day", "month", "billing_period"]
# A publish that replaces whole billing periods finds them by one of these columns, never by a charge's day; see
# docs/adr/0018.
BILLING_PERIOD_COLUMNS = ("x_billing_period", "BillingPeriodStart")
_DAY = timedelta(days=1)


def whole_days(days: Iterable[date], grain: Grain) -> list[date]:
    """The days, ascending and without duplicates; with grain month all days of their months.

    A row of a month must add up all days of the month, because it replaces the whole row. A billing period is named by
    its first day, so with grain billing_period these are the first days of the months.
    """
    if grain == "day":
        return sorted(set(days))
    firsts = sorted({day.replace(day=1) for day in days})
    return firsts if grain == "billing_period" else [day for first in firsts for day in _month(first)]


def covered_in_words(days: int, grain: Grain) -> str:
    """The length of a run as text: a number of days, of days in whole months, or of billing periods."""
    if grain == "billing_period":
        return f"{days} billing periods"
    return f"{days} days in whole months" if grain == "month" else f"{days} days"


def _month(first: date) -> list[date]:
    days = (first + number * _DAY for number in range(31))
    return [day for day in days if day.month == first.month]


def days_between(first: date, last: date) -> list[date]:
    """All days from the first to the last, both included."""
    return [first + number * _DAY for number in range((last - first).days + 1)]
