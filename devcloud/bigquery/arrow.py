"""Converts between REST table fields and Arrow types."""

from __future__ import annotations

import pyarrow as pa

from devcloud.bigquery.model import BigQueryError, Json, not_implemented

_TYPES: dict[str, pa.DataType] = {
    "STRING": pa.string(),
    "JSON": pa.string(),
    "BYTES": pa.binary(),
    "INTEGER": pa.int64(),
    "FLOAT": pa.float64(),
    "NUMERIC": pa.decimal128(38, 9),
    "BOOLEAN": pa.bool_(),
    "DATE": pa.date32(),
    "TIME": pa.time64("us"),
    "DATETIME": pa.timestamp("us"),
    "TIMESTAMP": pa.timestamp("us", tz="UTC"),
}


# The metadata with which Storage Read marks columns whose type Arrow does not have.
_NAMED = {kind: {b"ARROW:extension:name": b"google:sqlType:" + kind.lower().encode()} for kind in ("DATETIME", "JSON")}


def arrow_schema(fields: list[Json], *, named: bool = False) -> pa.Schema:
    """The Arrow schema of rows with these fields; `named` adds metadata for types that Arrow does not have."""
    return pa.schema([_arrow_field(field, named) for field in fields])


def _arrow_field(field: Json, named: bool) -> pa.Field[pa.DataType]:
    if field["type"] == "RECORD":
        kind: pa.DataType = pa.struct([_arrow_field(child, named) for child in field["fields"]])
    else:
        kind = _TYPES[field["type"]]
    metadata = _NAMED.get(field["type"]) if named else None
    if field["mode"] == "REPEATED":
        # Nullable, because the list is NULL if the struct around it is; otherwise Arrow refuses the cast.
        return pa.field(field["name"], pa.list_(pa.field("item", kind)), metadata=metadata)
    return pa.field(field["name"], kind, nullable=field["mode"] != "REQUIRED", metadata=metadata)


def table_fields(schema: pa.Schema) -> list[Json]:
    """The REST fields for an Arrow (or Parquet) schema; raises for a column whose type cannot be loaded."""
    return [_table_field(schema.field(index)) for index in range(len(schema))]


def _table_field(field: pa.Field[pa.DataType]) -> Json:
    kind, mode = field.type, "NULLABLE" if field.nullable else "REQUIRED"
    if isinstance(kind, pa.ListType | pa.LargeListType):
        kind, mode = kind.value_type, "REPEATED"
    if isinstance(kind, pa.StructType):
        children = [_table_field(kind.field(index)) for index in range(kind.num_fields)]
        return {"name": field.name, "type": "RECORD", "mode": mode, "fields": children}
    return {"name": field.name, "type": _name(field.name, kind), "mode": mode}


def _name(column: str, kind: pa.DataType) -> str:
    for matches, name in _NAMES:
        if matches(kind):
            return name
    if isinstance(kind, pa.Decimal128Type | pa.Decimal256Type):
        if kind.scale <= 9 and kind.precision - kind.scale <= 29:
            return "NUMERIC"
        raise not_implemented(f"the type BIGNUMERIC (column {column}: {kind})")
    if isinstance(kind, pa.TimestampType):
        return "TIMESTAMP" if kind.tz else "DATETIME"
    raise BigQueryError("invalid", f"Column {column} has the type {kind}, which cannot be loaded")


_NAMES = (
    (pa.types.is_boolean, "BOOLEAN"),
    (pa.types.is_integer, "INTEGER"),
    (pa.types.is_floating, "FLOAT"),
    (lambda kind: pa.types.is_string(kind) or pa.types.is_large_string(kind), "STRING"),
    (lambda kind: pa.types.is_dictionary(kind) and pa.types.is_string(kind.value_type), "STRING"),
    (lambda kind: pa.types.is_binary(kind) or pa.types.is_large_binary(kind), "BYTES"),
    (pa.types.is_date, "DATE"),
    (pa.types.is_time, "TIME"),
)
