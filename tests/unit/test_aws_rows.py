"""Rows of a report become the same rows of aws_cost_billing from every file format."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.connectors.aws.columns import place_columns
from shared.connectors.aws.rows import TABLE, AwsRows, count_billed
from shared.connectors.daily_totals import BilledTotals
from shared.connectors.json_texts import objects_of, objects_of_maps
from shared.connectors.objects.decoding import decoded
from shared.connectors.objects.rows import known_columns
from shared.errors import StepRefused
from tests.support.aws_exports import csv_of, line, parquet_of
from tests.support.stored_objects import MemoryStore

SEPTEMBER = date(2026, 9, 1)
READ_AT = datetime(2026, 10, 2, tzinfo=UTC)
TEXTS = st.none() | st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8)


def shaped(content: bytes, name: str) -> pa.RecordBatch:
    store = MemoryStore()
    (batch,) = decoded(store, store.put(f"exports/{name}", content))
    columns = place_columns(batch.schema.names, known_columns(TABLE), file=name)
    return AwsRows(columns, "aws:bills/exports", SEPTEMBER, "manifest", "run", READ_AT).shaped(batch, name)


def of_csv(*rows: dict[str, str]) -> pa.RecordBatch:
    return shaped(csv_of(rows, list(rows[0])), "f.csv")


def test_legacy_csv_and_cur_2_parquet_have_the_same_rows() -> None:
    rows = [line(SEPTEMBER, number, cost) for number, cost in enumerate(["1.5", "0.1", "-0.000000001"])]
    legacy, cur2 = of_csv(*rows).to_pylist(), shaped(parquet_of(rows), "f.parquet").to_pylist()
    for old, new in zip(legacy, cur2, strict=True):  # CUR 2.0 has products only in its map, not in columns
        names = {"product_name": old.pop("product_product_name"), "sku": old.pop("product_sku")}
        assert json.loads(new.pop("product")) == json.loads(old.pop("product")) | names
        assert (new.pop("product_product_name"), new.pop("product_sku")) == (None, None)
    assert legacy == cur2


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("0.1", "0.1"),
        ("1.0E-7", "0.0000001"),
        ("0.003503373006222978", "0.003503373"),
        ("-0.0000000005", "-0.000000001"),
        ("", None),
        ("None", None),
    ],
)
def test_a_number_has_the_value_of_its_text_to_nine_digits(given: str, wanted: str | None) -> None:
    (row,) = of_csv(line(SEPTEMBER, 1, given)).to_pylist()
    assert row["line_item_unblended_cost"] == (None if wanted is None else Decimal(wanted))


@pytest.mark.parametrize("column", ["lineItem/UnblendedCost", "lineItem/UsageStartDate"])
def test_a_value_that_does_not_parse_is_refused_with_column_and_file(column: str) -> None:
    with pytest.raises(StepRefused, match=r"f\.csv: column line_item_.*; a row has 13/25/2026"):
        of_csv(line(SEPTEMBER, 1, "1"), line(SEPTEMBER, 2, "1") | {column: "13/25/2026"})


@given(rows=st.lists(st.fixed_dictionaries({"a": TEXTS, 'b "\\': TEXTS}), min_size=1, max_size=4))
def test_columns_become_json_objects_without_their_nulls(rows: list[dict[str, str | None]]) -> None:
    columns: dict[str, Any] = {name: pa.array([row[name] for row in rows], pa.string()) for name in rows[0]}
    found = objects_of(columns, len(rows)).to_pylist()
    wanted = [{name: value for name, value in row.items() if value is not None} for row in rows]
    assert [json.loads(text) if text else {} for text in found] == wanted


@given(rows=st.lists(st.none() | st.dictionaries(TEXTS.filter(bool), TEXTS, max_size=3), max_size=4))
def test_maps_become_json_objects(rows: list[dict[str, str | None] | None]) -> None:
    maps: Any = pa.array([row and list(row.items()) for row in rows], pa.map_(pa.string(), pa.string()))
    for array, wanted in ((maps, rows), (maps.slice(1), rows[1:])):
        found = [json.loads(text) if text else None for text in objects_of_maps(array).to_pylist()]
        assert found == [row or None for row in wanted]


def test_covered_usage_is_not_billed_again_and_net_costs_are_used_if_they_exist() -> None:
    kinds = ["Usage", "SavingsPlanCoveredUsage", "SavingsPlanNegation", "DiscountedUsage", "SavingsPlanRecurringFee"]
    net = "lineItem/NetUnblendedCost"
    rows = [line(SEPTEMBER, number, "2", lineItem__LineItemType=kind) for number, kind in enumerate(kinds)]
    totals = BilledTotals()
    count_billed(of_csv(*[row | {net: ""} for row in rows[:-1]], rows[-1] | {net: "1.25"}), totals)
    assert totals.by_day() == [("2026-09-01", "USD", 5, "3.25")]
