"""How the console writes figures and arranges them in tables."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.console.cost_tables import MAX_COLUMNS, currency_blocks
from shared.console.formats import amount, change, day, moment, share
from shared.console.periods import period_until

COSTS = st.decimals(min_value=-(10**28), max_value=10**28, places=9, allow_nan=False)
DAY = date(2024, 3, 1)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("0", "0.00"), ("0E-9", "0.00"), ("0.000000001", "<0.01"),
        ("-0.000000001", ">\u22120.01"), ("0.005", "0.01"), ("1234.565", "1,234.57"),
        ("-1234.5", "\u22121,234.50"), ("12345678901234567890.123456789", "12,345,678,901,234,567,890.12"),
    ],
)  # fmt: skip
def test_an_amount_has_two_decimals(value: str, shown: str) -> None:
    assert amount(Decimal(value)) == shown


@pytest.mark.parametrize(
    ("after", "before", "shown"),
    [
        ("2", "1", "+100.0\u202f%"), ("1", "2", "\u221250.0\u202f%"), ("1", "0", "new"), ("0", "0", "0.0\u202f%"),
        ("-1", "-2", "+50.0\u202f%"), ("1", "1", "0.0\u202f%"),
    ],
)  # fmt: skip
def test_a_change_is_relative_to_the_period_before(after: str, before: str, shown: str) -> None:
    assert change(Decimal(after), Decimal(before)) == shown


def test_a_share_needs_a_positive_whole() -> None:
    assert share(Decimal(1), Decimal(3)) == "33.3\u202f%"
    assert share(Decimal(1), Decimal(0)) == share(Decimal(1), Decimal(-3)) == ""


def test_days_and_moments_are_in_utc() -> None:
    assert day(date(2024, 3, 1)) == "1 Mar 2024"
    assert moment(datetime(2024, 3, 1, 9, 5, tzinfo=UTC)) == "1 Mar 2024, 09:05 UTC"


@pytest.mark.parametrize(
    ("choice", "first", "last"),
    [
        ("7", "2024-02-24", "2024-03-01"),
        ("30", "2024-02-01", "2024-03-01"),
        ("month", "2024-03-01", "2024-03-01"),
        ("last_month", "2024-02-01", "2024-02-29"),
    ],
)
def test_a_period_ends_today_or_with_its_month(choice: str, first: str, last: str) -> None:
    found = period_until(choice, DAY)
    assert (found.first, found.last) == (first, last)


@given(st.lists(st.tuples(st.sampled_from([DAY, date(2024, 3, 2)]), COSTS), max_size=12))
def test_the_tables_by_day_and_by_group_have_the_same_sum(charges: list[tuple[date, Decimal]]) -> None:
    groups = [
        {
            "name": f"Service {number}",
            "is_rest": False,
            "cost": cost,
            "previous_cost": Decimal(0),
            "periods": [{"period": on, "cost": cost}],
        }
        for number, (on, cost) in enumerate(charges)
    ]
    with localcontext(prec=60):
        total = sum((cost for _, cost in charges), Decimal(0))
        block: dict[str, Any] = {
            "billing_currency": "USD",
            "cost": total,
            "previous_cost": Decimal(0),
            "groups": groups,
        }
        answer = {"from": DAY, "to": date(2024, 3, 2), "restated": [], "currencies": [block]}
        (found,) = currency_blocks(answer, nameless="No service")
        assert len(found.columns) <= MAX_COLUMNS + 1
        assert sum((row.total for row in found.days), Decimal(0)) == total
        assert sum((cost for row in found.days for cost in row.costs), Decimal(0)) == total
        assert all(len(row.costs) == len(found.columns) for row in found.days)
        assert all(0 <= group.share <= 1 for group in found.groups)


def test_groups_without_a_name_and_merged_groups_have_no_page() -> None:
    def group(name: str | None, *, is_rest: bool = False) -> dict[str, Any]:
        return {"name": name, "is_rest": is_rest, "cost": Decimal(1), "previous_cost": Decimal(0), "periods": []}

    groups = [group("A"), group(None), group(None, is_rest=True)]
    block = {"billing_currency": "USD", "cost": Decimal(3), "previous_cost": Decimal(0), "groups": groups}
    answer = {"from": DAY, "to": DAY, "restated": [], "currencies": [block]}
    (found,) = currency_blocks(answer, nameless="No region")
    assert [(each.name, each.has_own_page) for each in found.groups] == [
        ("A", True),
        ("No region", False),
        ("All others", False),
    ]
