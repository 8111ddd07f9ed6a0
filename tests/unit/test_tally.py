"""What an extract counts while rows stream by."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import chain

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from shared.connectors.gcp_billing_export import GcpBillingExport
from shared.connectors.tally import Tally

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
def test_counts_are_exact_however_rows_are_cut_into_batches(
    batches: list[list[tuple[int, str, Decimal, list[Decimal]]]],
) -> None:
    tally = Tally()
    for rows in batches:
        tally.add(batch(rows))
    wanted: defaultdict[tuple[str, str], tuple[int, Decimal]] = defaultdict(lambda: (0, Decimal(0)))
    for day, currency, cost, credits_ in chain.from_iterable(batches):
        key = (str(NEW_YEAR + timedelta(days=day)), currency)
        rows_before, billed = wanted[key]
        wanted[key] = (rows_before + 1, billed + cost + sum(credits_, Decimal(0)))
    assert {(day, currency): (found, Decimal(billed)) for day, currency, found, billed in tally.by_day()} == wanted
    assert tally.rows == sum(map(len, batches))


def test_a_year_in_five_currencies_fits_into_an_event() -> None:
    tally, cost = Tally(), Decimal("1234567.123456789")
    for currency in CURRENCIES:
        tally.add(batch([(day, currency, cost, [cost]) for day in range(366)]))
    counted = tally.by_day()
    assert len(counted) == 366 * len(CURRENCIES)
    assert len(json.dumps({"dates": [str(day) for day in tally.dates], "counted": counted})) < 100_000
