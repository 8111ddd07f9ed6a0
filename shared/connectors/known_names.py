"""Renames an export's columns to the known spelling, because BigQuery's names ignore case and Arrow's do not."""

from __future__ import annotations

from typing import Any

import pyarrow as pa


def with_known_names(batch: pa.RecordBatch, known: pa.Schema) -> pa.RecordBatch:
    """The batch, its columns and their fields spelled as in `known`; other names stay as they are."""
    schema = pa.schema(_spelled(list(batch.schema), list(known)))
    if schema == batch.schema:
        return batch
    arrays: list[Any] = [array.view(field.type) for array, field in zip(batch.columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _spelled(fields: list[Any], known: list[Any]) -> list[Any]:
    by_name = {field.name.casefold(): field for field in known}
    found = []
    for field in fields:
        own = by_name.get(field.name.casefold())
        found.append(field.with_name(own.name).with_type(_type(field.type, own.type)) if own else field)
    return found


def _type(kind: Any, known: Any) -> Any:
    """A type with its fields' names spelled as in the known one."""
    if pa.types.is_list(kind) and pa.types.is_list(known):
        return pa.list_(kind.value_field.with_type(_type(kind.value_type, known.value_type)))
    if pa.types.is_struct(kind) and pa.types.is_struct(known):
        return pa.struct(_spelled(list(kind), list(known)))
    return kind
