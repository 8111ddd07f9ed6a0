"""Arranges the answer about costs as tables: one by group, one by day, which the chart draws too.

Sums are exact: they have every digit of the costs that they add up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Context, Decimal
from functools import reduce
from typing import Any

MAX_COLUMNS = 7  # more colours cannot be told apart
_EXACT = Context(prec=100)
_ZERO = Decimal(0)


@dataclass(frozen=True)
class Group:
    """A row of the table by group. A group that merges others, and one without a name, has no page of its own."""

    name: str
    cost: Decimal
    previous: Decimal
    share: Decimal
    has_own_page: bool


@dataclass(frozen=True)
class Restated:
    """A change of a day's cost after it had been published."""

    change: Decimal
    at: Any


@dataclass(frozen=True)
class Day:
    """A row of the table by day, with a cost for each of its columns."""

    day: date
    costs: Sequence[Decimal]
    total: Decimal
    restated: Restated | None


@dataclass(frozen=True)
class CurrencyBlock:
    """The costs in one billing currency. `columns` are the groups of the table by day."""

    currency: str
    total: Decimal
    previous: Decimal
    groups: Sequence[Group]
    columns: Sequence[str]
    days: Sequence[Day]


def currency_blocks(shown: Mapping[str, Any], *, nameless: str) -> list[CurrencyBlock]:
    """The blocks of an answer by day that compares with the previous period. `nameless` names costs without a group."""
    days = list(_days(shown["from"], shown["to"]))
    restated = {
        (row["billing_currency"], row["usage_date"]): Restated(row["billed_cost_change"], row["restated_at"])
        for row in shown["restated"]
    }
    return [_block(block, days, restated, nameless) for block in shown["currencies"]]


def _block(
    block: Mapping[str, Any], days: Sequence[date], restated: Mapping[Any, Restated], nameless: str
) -> CurrencyBlock:
    currency, total, groups = block["billing_currency"], block["cost"], block["groups"]
    costs = [{period["period"]: period["cost"] for period in group["periods"]} for group in groups]
    # A single group more has a column of its own rather than one for the others.
    apart = len(groups) if len(groups) <= MAX_COLUMNS + 1 else MAX_COLUMNS
    columns = [_name(group, nameless) for group in groups[:apart]] + ["Others"] * (apart < len(groups))
    rows = []
    for day in days:
        cells = [by_day.get(day, _ZERO) for by_day in costs]
        shown = [*cells[:apart], *[_sum(cells[apart:])] * (apart < len(groups))]
        rows.append(Day(day, shown, _sum(cells), restated.get((currency, day))))
    return CurrencyBlock(
        currency=currency,
        total=total,
        previous=block["previous_cost"],
        groups=[_group(group, total, nameless) for group in groups],
        columns=columns,
        days=rows,
    )


def _group(group: Mapping[str, Any], total: Decimal, nameless: str) -> Group:
    cost = group["cost"]
    share = _EXACT.divide(max(cost, _ZERO), total) if total > 0 else _ZERO
    has_own_page = group["name"] is not None and not group["is_rest"]
    return Group(_name(group, nameless), cost, group["previous_cost"], min(share, Decimal(1)), has_own_page)


def _name(group: Mapping[str, Any], nameless: str) -> str:
    if group["is_rest"]:
        return "All others"
    return nameless if group["name"] is None else str(group["name"])


def _sum(costs: Iterable[Decimal]) -> Decimal:
    return reduce(_EXACT.add, costs, _ZERO)


def _days(first: date, last: date) -> Iterable[date]:
    return (first + timedelta(days=number) for number in range((last - first).days + 1))
