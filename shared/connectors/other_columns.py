"""Keeps values for which the table has no column as a JSON object, under the same paths as in the export."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any

import pyarrow as pa
import pyarrow.compute as _partly_typed

from shared.connectors.arrow_types import offsets

pc: Any = _partly_typed
_MAX_VALUES = 100_000  # values that are Python objects at once; a wide table is converted a few rows at a time


def other_columns(given: Mapping[str, Any], known: Mapping[str, pa.DataType], length: int) -> Any:
    """A JSON text for each row, NULL where every value has a column. `known` has the types of the table's columns."""
    rests = {name: _rest(array, known[name]) if name in known else array for name, array in given.items()}
    rests = {name: rest for name, rest in rests.items() if rest is not None}
    if not rests:
        return pa.nulls(length, pa.string())
    texts: list[str | None] = []
    step = max(1, _MAX_VALUES // len(rests))
    for start in range(0, length, step):
        rows = zip(*(rest.slice(start, step).to_pylist() for rest in rests.values()), strict=True)
        texts += [_text(dict(zip(rests, row, strict=True))) for row in rows]
    return pa.array(texts, pa.string())


def _rest(array: Any, wanted: pa.DataType) -> Any:
    """The array without the fields that `wanted` has; None when no field is left."""
    if not _is_wider(array.type, wanted):
        return None
    if pa.types.is_list(wanted):
        values = _rest(pc.list_flatten(array), wanted.value_type)
        return pa.ListArray.from_arrays(offsets(array), values)
    places = {field.name: field.type for field in _fields(wanted)}
    rests = {}
    for field in _fields(array.type):
        values = pc.struct_field(array, [field.name])
        rest = _rest(values, places[field.name]) if field.name in places else values
        if rest is not None:
            rests[field.name] = rest
    return pa.StructArray.from_arrays(list(rests.values()), names=list(rests))


def _is_wider(kind: Any, wanted: Any) -> bool:
    """Whether a type has fields, at any depth, that the wanted one does not have."""
    if pa.types.is_list(wanted) and pa.types.is_list(kind):
        return _is_wider(kind.value_type, wanted.value_type)
    if not pa.types.is_struct(wanted) or not pa.types.is_struct(kind):
        return False
    places = {field.name: field.type for field in _fields(wanted)}
    return any(field.name not in places or _is_wider(field.type, places[field.name]) for field in _fields(kind))


def _fields(kind: Any) -> list[Any]:
    return [kind.field(number) for number in range(kind.num_fields)]


def _text(row: Mapping[str, Any]) -> str | None:
    values = _without_nulls(row)
    if values is None:
        return None
    return json.dumps(values, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _without_nulls(value: Any) -> Any:
    """The value for JSON, or None if it has no content. The elements of a list keep their positions."""
    if isinstance(value, Mapping):
        kept = {name: found for name, item in value.items() if (found := _without_nulls(item)) is not None}
        return kept or None
    if isinstance(value, list):
        items = [_without_nulls(item) for item in value]
        return items if any(item is not None for item in items) else None
    return _scalar(value)


def _scalar(value: Any) -> Any:
    """The value for JSON. NaN, infinity, and numbers that JSON readers would round become texts."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**53 else str(value)
    if isinstance(value, float):
        return value if value - value == 0 else str(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value.isoformat() if isinstance(value, date | datetime | time) else str(value)
