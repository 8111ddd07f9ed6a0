"""Columns of types and values that no billing file has are refused for good, and are no defect of the platform."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest

from shared.connectors.aws.columns import REQUIRED
from shared.connectors.aws.columns import place_columns as place_aws
from shared.connectors.aws.rows import TABLE as AWS_TABLE
from shared.connectors.aws.rows import AwsRows
from shared.connectors.focus.columns import place_columns
from shared.connectors.focus.rows import TABLE, FocusRows
from shared.connectors.objects.rows import known_columns
from shared.errors import StepRefused
from tests.support.focus.files import charge

ORIGIN = ("focus:aws:bills", date(2026, 9, 1), "manifest", "run", datetime(2026, 10, 2, tzinfo=UTC))
BYTES = pa.array([b"\xff\xfe"])
ODD: dict[str, Any] = {
    "bytes that are no text": BYTES,
    "the same in a dictionary": BYTES.dictionary_encode(),
    "a map of objects": pa.array([[("k", {"a": 1})]], pa.map_(pa.string(), pa.struct([("a", pa.int8())]))),
    "a map of bytes": pa.array([[("k", b"\xff")]], pa.map_(pa.string(), pa.binary())),
    "a list": pa.array([["x"]]),
    "an object": pa.array([{"a": 1}]),
    "months and days": pa.array([(1, 2, 3)], pa.month_day_nano_interval()),
}
BEYOND_PYTHON: dict[str, Any] = {
    "a time in a far year": pa.array([2**61], pa.timestamp("s")),
    "a day in a far year": pa.array([2**30], pa.int32()).view(pa.date32()),
    "a nanosecond": pa.array([1], pa.time64("ns")),
    "a duration": pa.array([5], pa.duration("ns")),
}


def shaped(column: str, array: Any) -> pa.RecordBatch:
    columns = {name: pa.array([value]) for name, value in charge().items()} | {column: array}
    batch = pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))
    return FocusRows(place_columns(list(columns), known_columns(TABLE), file="f"), *ORIGIN).shaped(batch, "f")


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("column", ["x_Odd", "BilledCost", "ServiceName"])
def test_a_type_without_text_is_refused_and_the_column_named(kind: str, column: str) -> None:
    with pytest.raises(StepRefused, match=rf"^f: column {column}"):
        shaped(column, ODD[kind])


@pytest.mark.parametrize("kind", BEYOND_PYTHON)
def test_a_value_that_python_cannot_hold_is_refused_and_the_column_named(kind: str) -> None:
    with pytest.raises(StepRefused, match=r"^f: column ChargePeriodStart"):
        shaped("ChargePeriodStart", BEYOND_PYTHON[kind])


def test_a_member_of_an_object_of_aws_is_refused_too() -> None:
    columns = {name: pa.array(["1"]) for name in REQUIRED} | {"resourceTags/user:team": pa.array([["x"]])}
    batch = pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))
    places = place_aws(list(columns), known_columns(AWS_TABLE), file="f")
    with pytest.raises(StepRefused, match=r"^f cannot be read"):
        AwsRows(places, *ORIGIN).shaped(batch, "f")
