"""PARTITION BY: turns its forms into REST timePartitioning and rangePartitioning."""

from __future__ import annotations

from sqlglot import exp

from devcloud.bigquery.model import Json, invalid_query, not_implemented

_PSEUDO = ("_PARTITIONDATE", "_PARTITIONTIME")
_UNITS = ("HOUR", "DAY", "MONTH", "YEAR")


def partitioning(node: exp.Expr, fields: list[Json]) -> Json:
    """The REST members for a PARTITION BY expression; raises invalidQuery for one BigQuery does not take."""
    kinds = {field["name"].lower(): field["type"] for field in fields}
    if isinstance(node, (exp.Identifier, exp.Column)):
        return _by_column(node.name, kinds)
    if not isinstance(node, exp.Anonymous):
        raise _unsupported()
    function = str(node.this).upper()
    arguments = node.expressions
    if function == "RANGE_BUCKET":
        return _by_range(arguments)
    if function == "DATE" and len(arguments) == 1:
        return _time(arguments[0].name, "DAY", kinds)
    if function in ("DATE_TRUNC", "TIMESTAMP_TRUNC", "DATETIME_TRUNC") and len(arguments) == 2:
        return _time(arguments[0].name, arguments[1].name.upper(), kinds)
    raise _unsupported()


def _unsupported() -> Exception:
    return invalid_query("PARTITION BY expression must be DATE(<timestamp_column>), a DATE column, or a truncation")


def _by_column(name: str, kinds: dict[str, str]) -> Json:
    if name.upper() in _PSEUDO:
        return {"timePartitioning": {"type": "DAY"}}
    if kinds.get(name.lower()) not in ("DATE", None):
        raise _unsupported()
    return _time(name, "DAY", kinds)


def _time(name: str, unit: str, kinds: dict[str, str]) -> Json:
    if unit not in _UNITS:
        raise invalid_query(f"PARTITION BY does not support the unit {unit}")
    if name.upper() in _PSEUDO:
        return {"timePartitioning": {"type": unit}}
    if name.lower() not in kinds:
        raise invalid_query(f"Unrecognized name: {name}")
    return {"timePartitioning": {"type": unit, "field": name}}


def _by_range(arguments: list[exp.Expr]) -> Json:
    if len(arguments) != 2 or not isinstance(arguments[1], exp.Anonymous):
        raise _unsupported()
    bounds = [item.name for item in arguments[1].expressions]
    if len(bounds) != 3:
        raise not_implemented("integer-range partitioning without an interval")
    start, end, interval = bounds
    column = arguments[0].name
    return {"rangePartitioning": {"field": column, "range": {"start": start, "end": end, "interval": interval}}}
