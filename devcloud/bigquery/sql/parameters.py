"""Query parameters: turns REST values into values that DuckDB binds."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

from devcloud.bigquery.model import BigQueryError, Json
from devcloud.bigquery.sql import literals
from devcloud.bigquery.types import SqlType, parameter_type, unique_names


def read_parameters(given: Iterable[Json]) -> list[tuple[str, SqlType, Any]]:
    """(name, type, value) of each REST queryParameter. The name of a positional parameter is ''."""
    read = []
    for parameter in given:
        kind = parameter_type(parameter.get("parameterType") or {})
        value = to_value(kind, parameter.get("parameterValue") or {})
        read.append((str(parameter.get("name") or ""), kind, value))
    return read


def to_value(kind: SqlType, value: Json) -> Any:
    """The Python value that DuckDB casts to the type. As in BigQuery, arrays are never NULL."""
    if kind.element is not None:
        return [to_value(kind.element, item) for item in value.get("arrayValues") or []]
    if kind.kind == "STRUCT":
        return _to_struct(kind, value)
    raw = value.get("value")
    return None if raw is None else _scalar(kind, raw)


def _to_struct(kind: SqlType, value: Json) -> dict[str, Any] | None:
    given = value.get("structValues")
    if given is None:
        return None
    names = unique_names([name for name, _ in kind.fields])
    pairs = zip(names, kind.fields, strict=True)
    return {unique: to_value(field, given.get(name) or {}) for unique, (name, field) in pairs}


def _scalar(kind: SqlType, raw: Any) -> Any:
    text = str(raw)
    try:
        if kind.kind == "INT64":
            return int(text)
        if kind.kind == "FLOAT64":
            return float(text)
        if kind.kind == "BOOL":
            return {"true": True, "false": False}[text.lower()]
        if kind.kind == "BYTES":
            return base64.b64decode(text)
    except (ValueError, KeyError) as error:
        raise _invalid(kind, text) from error
    if kind.kind in ("DATE", "TIME", "DATETIME", "TIMESTAMP"):
        return _time(kind, text)
    return text


def _time(kind: SqlType, text: str) -> str:
    try:
        literal = literals.from_text(text, kind)
    except BigQueryError as error:
        raise _invalid(kind, text) from error
    return literal.split("'")[1]


def _invalid(kind: SqlType, text: str) -> BigQueryError:
    return BigQueryError("invalid", f"Invalid value for type {kind}: {text}")
