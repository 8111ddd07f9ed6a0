"""Values of an export without a column in the table are kept under the same paths."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from shared.connectors.other_columns import other_columns

KNOWN: dict[str, pa.DataType] = {
    "cost": pa.decimal128(38, 9),
    "invoice": pa.struct([("month", pa.string())]),
    "credits": pa.list_(pa.struct([("name", pa.string()), ("amount", pa.float64())])),
}


def kept(**columns: list[Any]) -> list[Any]:
    """The kept values of each row, as objects."""
    given: dict[str, Any] = {name: pa.array(values) for name, values in columns.items()}
    length = len(next(iter(columns.values())))
    texts = other_columns(given, KNOWN, length).to_pylist()
    return [text and json.loads(text) for text in texts]


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        ({"cost": [1.5]}, None),
        ({"invoice": [{"month": "202609"}], "credits": [[{"name": "a", "amount": 1.0}]]}, None),
        ({"new": ["x"]}, {"new": "x"}),
        ({"new": [[{"a": 1}]]}, {"new": [{"a": 1}]}),
        ({"new": [{"at": datetime(2026, 9, 1, tzinfo=UTC)}]}, {"new": {"at": "2026-09-01T00:00:00+00:00"}}),
        ({"new": [Decimal("0.100000000")]}, {"new": "0.100000000"}),
        ({"new": [2**60]}, {"new": str(2**60)}),
        ({"new": [float("nan")]}, {"new": "nan"}),
        ({"new": ["東京"], "other": [False]}, {"new": "東京", "other": False}),
        ({"invoice": [{"month": "202609", "kind": "late"}]}, {"invoice": {"kind": "late"}}),
        ({"invoice": [{"kind": {"of": "late", "by": None}}]}, {"invoice": {"kind": {"of": "late"}}}),
        ({"credits": [[{"name": "a"}, {"name": "b", "id": "7"}]]}, {"credits": [None, {"id": "7"}]}),
    ],
)
def test_a_value_without_a_column_is_kept_under_its_path(columns: dict[str, list[Any]], found: Any) -> None:
    assert kept(**columns) == [found]


def test_rows_without_a_value_keep_nothing() -> None:
    rows = kept(new=["x", None, None], invoice=[None, {"month": "1", "kind": None}, {"month": "1", "kind": "late"}])
    assert rows == [{"new": "x"}, None, {"invoice": {"kind": "late"}}]


def test_lists_stay_with_their_rows_in_a_sliced_batch() -> None:
    rows: list[Any] = [[{"id": "1"}], None, [], [{"id": "2"}, {"id": "3"}]]
    array: Any = pa.array(rows, pa.list_(pa.struct([("id", pa.string())])))
    texts = other_columns({"credits": array.slice(1)}, KNOWN, 3).to_pylist()
    assert texts == [None, None, '{"credits":[{"id":"2"},{"id":"3"}]}']


def test_thousands_of_columns_are_taken_a_few_rows_at_a_time() -> None:
    columns = {f"c{number}": pa.array([number, None, -number]) for number in range(40_000)}
    first, second, third = other_columns(columns, {}, 3).to_pylist()
    assert second is None
    assert json.loads(first or "") == {f"c{number}": number for number in range(40_000)}
    assert json.loads(third or "")["c39999"] == -39_999
