"""Computes the days that a run covers: with grain month, all days of the months of the requested days."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Literal

Grain = Literal["day", "month"]
_DAY = timedelta(days=1)


def whole_days(days: Iterable[date], grain: Grain) -> list[date]:
    """The days, ascending and without duplicates; with grain month all days of their months.

    A row of a month is right only when it adds up all days of its month, and it replaces the month's row as a whole.
    """
    if grain == "day":
        return sorted(set(days))
    return [day for first in sorted({day.replace(day=1) for day in days}) for day in _month(first)]


def _month(first: date) -> list[date]:
    days = (first + number * _DAY for number in range(31))
    return [day for day in days if day.month == first.month]


def days_between(first: date, last: date) -> list[date]:
    """All days from the first to the last, both included."""
    return [first + number * _DAY for number in range((last - first).days + 1)]
