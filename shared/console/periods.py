"""Names the periods that a page of costs can show."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

DEFAULT = "30"
PERIODS = {
    "7": "7 days",
    "30": "30 days",
    "90": "90 days",
    "month": "This month",
    "last_month": "Last month",
    "custom": "Other days",
}


@dataclass(frozen=True)
class Period:
    """A choice of PERIODS and its days, both included, as text for the API."""

    choice: str
    first: str
    last: str


def period_until(choice: str, last: date) -> Period:
    """The period of this choice that ends on a day, or the month with that day, or the month before."""
    if choice in ("month", "last_month"):
        first = last.replace(day=1)
        if choice == "last_month":
            last = first - timedelta(days=1)
            first = last.replace(day=1)
    else:
        first = last - timedelta(days=int(choice) - 1)
    return Period(choice, first.isoformat(), last.isoformat())
