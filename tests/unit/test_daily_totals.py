"""The counts that an extract keeps while rows stream by."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import chain

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.connectors.arrow_types import NUMERIC
from shared.connectors.daily_totals import DailyTotals, figures_by_day
from shared.connectors.gcp.billing_export import GcpBillingExport
from shared.errors import CheckFailed, StepRefused

CURRENCIES = ("CHF", "EUR", "GBP", "JPY", "USD")
NEW_YEAR = date(2024, 1, 1)  # a leap year
AMOUNTS = st.decimals(min_value=-(10**9), max_value=10**9, places=9)
ROWS = st.tuples(st.integers(0, 3), st.sampled_from(CURRENCIES[:2]), AMOUNTS, st.lists(AMOUNTS, max_size=2))


def batch(rows: list[tuple[int, str, Decimal, list[Decimal]]]) -> pa.RecordBatch:
    schema = GcpBillingExport.schema()
    given_rows = [
        {
            "x_usage_date": NEW_YEAR + timedelta(days=day),
            "export_time": datetime(2024, 2, 1, tzinfo=UTC) + timedelta(days=day),
            "currency": currency,
            "cost": cost,
            "credits": [{"amount": amount} for amount in credits_],
        }
        for day, currency, cost, credits_ in rows
    ]
    return pa.RecordBatch.from_pylist(given_rows, schema=schema)


@given(batches=st.lists(st.lists(ROWS, min_size=1, max_size=5), max_size=4))
def test_counts_are_exact_for_any_batches(
    batches: list[list[tuple[int, str, Decimal, list[Decimal]]]],
) -> None:
    totals = DailyTotals()
    for rows in batches:
        totals.add(batch(rows))
    wanted: defaultdict[tuple[str, str], tuple[int, Decimal]] = defaultdict(lambda: (0, Decimal(0)))
    for day, currency, cost, credits_ in chain.from_iterable(batches):
        key = (str(NEW_YEAR + timedelta(days=day)), currency)
        rows_before, billed = wanted[key]
        wanted[key] = (rows_before + 1, billed + cost + sum(credits_, Decimal(0)))
    assert {(day, currency): (found, Decimal(billed)) for day, currency, found, billed in totals.by_day()} == wanted
    assert totals.rows == sum(map(len, batches))


def test_a_year_in_five_currencies_fits_into_an_event() -> None:
    totals, cost = DailyTotals(), Decimal("1234567.123456789")
    for currency in CURRENCIES:
        totals.add(batch([(day, currency, cost, [cost]) for day in range(366)]))
    counted = totals.by_day()
    assert len(counted) == 366 * len(CURRENCIES)
    assert len(json.dumps({"dates": [str(day) for day in totals.dates], "counted": counted})) < 100_000


HUGE = Decimal("99999999999999999999999999999.999999999")  # the largest NUMERIC
LEAST = HUGE.copy_negate()  # the minus sign would round it


@given(small=AMOUNTS, times=st.integers(1, 6), in_credits=st.booleans())
def test_amounts_are_added_up_exactly_although_a_partial_sum_exceeds_their_type(
    small: Decimal, times: int, in_credits: bool
) -> None:
    totals, zero = DailyTotals(), Decimal(0)
    for amount in (HUGE, LEAST):
        amounts = [amount] * times
        rows = [(0, "EUR", zero, amounts)] if in_credits else [(0, "EUR", amount, []) for amount in amounts]
        totals.add(batch(rows))
    totals.add(batch([(0, "EUR", small, [])]))
    ((_, _, _, billed),) = totals.by_day()
    assert Decimal(billed) == small
    days, costs = pa.array([NEW_YEAR] * 4), pa.array([HUGE, HUGE, LEAST, LEAST], NUMERIC)
    exported = pa.array([datetime(2024, 2, 1, tzinfo=UTC)] * 4)
    credits_ = pa.array([[], [{"amount": HUGE}], [], [{"amount": LEAST}]], pa.list_(pa.struct([("amount", NUMERIC)])))
    parts = [(days[:2], costs[:2], credits_[:2], exported[:2]), (days[2:], costs[2:], credits_[2:], exported[2:])]
    assert figures_by_day(parts) == {NEW_YEAR: (4, Decimal(0), Decimal(0), datetime(2024, 2, 1, tzinfo=UTC))}


@pytest.mark.parametrize(("amount", "more"), [(HUGE, Decimal("1e-9")), (LEAST, Decimal("-1e-9"))])
def test_a_day_that_bills_more_than_numeric_holds_is_refused_by_date(amount: Decimal, more: Decimal) -> None:
    totals = DailyTotals()
    totals.add(batch([(0, "EUR", amount, [])]))
    assert totals.by_day() == [("2024-01-01", "EUR", 1, f"{amount:f}")]
    totals.add(batch([(0, "EUR", more, [])]))
    with pytest.raises(CheckFailed, match=r"^2024-01-01 bills -?1\.00E\+29 EUR, more than NUMERIC holds") as refusal:
        totals.by_day()
    assert not refusal.value.retryable


def test_a_currency_that_is_too_long_is_refused() -> None:
    with pytest.raises(StepRefused, match="2024-01-01 has a currency of 1000000 characters: XXXXX"):
        DailyTotals().add(batch([(0, "X" * 1_000_000, Decimal(1), [])]))


def test_more_currencies_than_fit_into_an_event_are_refused() -> None:
    totals = DailyTotals()
    for first in (0, 10_000):
        totals.add(batch([(0, f"C{number}", Decimal(1), []) for number in range(first, first + 10_000)]))
    assert len(json.dumps(totals.by_day())) < 1_000_000
    with pytest.raises(StepRefused, match="more than 20000 currencies"):
        totals.add(batch([(0, "one more", Decimal(1), [])]))
