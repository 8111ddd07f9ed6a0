"""The days that an incremental run recomputes, and the conditions by which it reads their rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from shared.connectors.arrow_types import NUMERIC
from shared.connectors.daily_totals import DayFigures, figures_by_day
from shared.connectors.gcp.billing_export import changed_days
from shared.connectors.gcp.restrictions import partition_of, spans, used_on

DATES = st.dates(min_value=date(2008, 1, 1), max_value=date(2100, 1, 1))
DAYS = st.dates(min_value=date(2025, 11, 1), max_value=date(2025, 11, 6))
EXPORTED = datetime(2025, 11, 7, tzinfo=UTC)
ROWS = st.lists(st.tuples(DAYS, st.decimals(min_value=-100, max_value=100, places=9)), max_size=12)

CREDITS = pa.list_(pa.struct([("amount", NUMERIC)]))

Rows = Sequence[tuple[date, Decimal]]


def figures(*batches: Rows, exported: datetime = EXPORTED, credit: Decimal = Decimal(0)) -> dict[date, DayFigures]:
    """The counts of a connector over these batches; `credit` is the credit of each row."""
    return figures_by_day(
        (
            pa.array([day for day, _ in rows], pa.date32()),
            pa.array([cost for _, cost in rows], NUMERIC),
            pa.array([[{"amount": credit}]] * len(rows), CREDITS),
            pa.array([exported] * len(rows), pa.timestamp("us", "UTC")),
        )
        for rows in batches
    )


@given(published=ROWS, arriving=ROWS)
def test_only_the_days_of_new_rows_are_recomputed(published: Rows, arriving: Rows) -> None:
    days = sorted({day for day, _ in [*published, *arriving]})
    assert changed_days(days, figures(published, arriving), figures(published)) == sorted({day for day, _ in arriving})


@given(rows=ROWS, cut=st.integers(0, 12), data=st.data())
def test_neither_order_nor_batches_make_a_day_look_changed(rows: Rows, cut: int, data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(rows))
    days = sorted({day for day, _ in rows})
    assert changed_days(days, figures(shuffled[:cut], shuffled[cut:]), figures(rows)) == []


@given(rows=ROWS.filter(bool), amount=st.decimals(min_value="0.000000001", max_value=100, places=9))
def test_a_changed_cost_is_found_although_the_number_of_rows_is_the_same(rows: Rows, amount: Decimal) -> None:
    (day, cost), *others = rows
    assert changed_days([day], figures([(day, cost + amount), *others]), figures(rows)) == [day]


@given(rows=ROWS.filter(bool))
def test_a_row_that_was_exported_again_is_found_whatever_it_costs(rows: Rows) -> None:
    days = sorted({day for day, _ in rows})
    assert changed_days(days, figures(rows, exported=EXPORTED + timedelta(hours=1)), figures(rows)) == days


@given(rows=ROWS.filter(bool))
def test_a_changed_credit_is_found_although_the_cost_is_the_same(rows: Rows) -> None:
    days = sorted({day for day, _ in rows})
    assert changed_days(days, figures(rows, credit=Decimal("-0.25")), figures(rows, credit=Decimal("-0.5"))) == days


def test_rows_without_a_day_belong_to_no_day() -> None:
    days, costs = pa.array([None, date(2025, 11, 1)], pa.date32()), pa.array([Decimal(1), None], NUMERIC)
    exported = pa.array([EXPORTED, None], pa.timestamp("us", "UTC"))
    credits_ = pa.array([[{"amount": Decimal(-1)}], [{"amount": None}, {"amount": Decimal(-2)}]], CREDITS)
    assert figures_by_day([(days, costs, credits_, exported)]) == {
        date(2025, 11, 1): (1, Decimal(0), Decimal(-2), None)
    }


@given(dates=st.sets(DATES, max_size=20))
def test_spans_cover_exactly_the_days_and_do_not_touch(dates: set[date]) -> None:
    found = spans(sorted(dates))
    covered = [first + timedelta(days=n) for first, last in found for n in range((last - first).days + 1)]
    assert covered == sorted(dates)
    assert all(before[1] + timedelta(days=1) < after[0] for before, after in pairwise(found))


def test_a_day_begins_at_utc_midnight_and_ends_before_the_next() -> None:
    assert used_on([date(2025, 12, 31)]) == (
        '(usage_start_time >= TIMESTAMP "2025-12-31T00:00:00+00:00"'
        ' AND usage_start_time < TIMESTAMP "2026-01-01T00:00:00+00:00")'
    )


@given(day=DATES, granularity=st.sampled_from(["HOUR", "DAY", "MONTH", "YEAR"]))
def test_the_partition_of_a_day_does_not_begin_after_it(day: date, granularity: str) -> None:
    first = partition_of(day, granularity)
    assert first <= day
    assert partition_of(first, granularity) == first
    units = {"MONTH": (first.year, first.month) == (day.year, day.month), "YEAR": first.year == day.year}
    assert units.get(granularity, first == day)
