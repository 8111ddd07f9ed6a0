"""Writes rows as the REST API does: `{"f": [{"v": ...}]}`, with every scalar as a string."""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

import pyarrow as pa

from devcloud.bigquery.model import BigQueryError, Json, not_implemented

Encoder = Callable[[Any], Any]
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)


def encode_rows(rows: pa.Table, schema: list[Json], formats: Json) -> list[Json]:
    """The rows of a page; `formats` are the request's DataFormatOptions."""
    timestamp = _timestamp_encoder(formats)
    encoders = [_field_encoder(field, timestamp) for field in schema]
    columns = [
        _encoded(rows.column(index), encoder) for index, encoder in enumerate(encoders) if index < rows.num_columns
    ]
    return [{"f": [{"v": value} for value in row]} for row in zip(*columns, strict=True)]


def _encoded(column: pa.ChunkedArray[Any], encoder: Encoder) -> Iterable[Any]:
    return map(encoder, column.to_pylist())


def _field_encoder(field: Json, timestamp: Encoder) -> Encoder:
    one = _scalar_encoder(field, timestamp)
    if field.get("mode") == "REPEATED":
        return lambda values: [{"v": one(value)} for value in values or ()]
    return one


def _scalar_encoder(field: Json, timestamp: Encoder) -> Encoder:
    kind = field["type"]
    if kind == "RECORD":
        return _record_encoder([_field_encoder(child, timestamp) for child in field["fields"]])
    encoder = timestamp if kind == "TIMESTAMP" else _ENCODERS[kind]
    return lambda value: None if value is None else encoder(value)


def _record_encoder(encoders: list[Encoder]) -> Encoder:
    def encode(record: dict[str, Any] | None) -> Json | None:
        if record is None:
            return None
        return {"f": [{"v": encode(value)} for encode, value in zip(encoders, record.values(), strict=True)]}

    return encode


def _timestamp_encoder(formats: Json) -> Encoder:
    chosen = formats.get("timestampOutputFormat") or "FLOAT64"
    if chosen not in ("FLOAT64", "INT64"):
        raise not_implemented(f"the timestamp format {chosen}")
    as_integer = chosen == "INT64" or str(formats.get("useInt64Timestamp")).lower() == "true"

    def encode(value: dt.datetime) -> str:
        micros = (value - _EPOCH) // _MICROSECOND
        return str(micros) if as_integer else f"{Decimal(micros) / 1_000_000:f}"

    return encode


def _number(value: float) -> str:
    named = {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}
    text = repr(float(value))
    return named.get(text, text)


def _numeric(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode()


_ENCODERS: dict[str, Encoder] = {
    "STRING": _text,
    "JSON": _text,
    "BYTES": lambda value: base64.b64encode(value).decode(),
    "INTEGER": str,
    "FLOAT": _number,
    "NUMERIC": _numeric,
    "BOOLEAN": lambda value: "true" if value else "false",
    "DATE": dt.date.isoformat,
    "TIME": dt.time.isoformat,
    "DATETIME": dt.datetime.isoformat,
}


def selected(schema: list[Json], names: str | None) -> list[Json]:
    """The fields that `selectedFields` asks for, in the table's order; raises for an unknown one."""
    if not names:
        return schema
    wanted = [name.strip().lower() for name in names.split(",")]
    known = {field["name"].lower() for field in schema}
    if unknown := [name for name in wanted if name not in known]:
        raise BigQueryError("invalid", f"No such field: {unknown[0]}.")
    return [field for field in schema if field["name"].lower() in wanted]
