"""CAST and SAFE_CAST: the pairs of types that BigQuery casts, as DuckDB text."""

from __future__ import annotations

import re

from sqlglot import exp

from devcloud.bigquery.model import BigQueryError, invalid_query, not_implemented
from devcloud.bigquery.sql import literals
from devcloud.bigquery.sql.binder import Binder, expression
from devcloud.bigquery.sql.scope import Scope
from devcloud.bigquery.sql.typed import Typed, coerce, null_of, quoted_names
from devcloud.bigquery.types import SqlType, array_of, scalar_type, struct_of

_PLAIN_NUMBER = re.compile(r"-?[0-9]{1,20}(?:\.[0-9]{1,9})?")
_CASTS: dict[tuple[str, str], str] = {
    ("STRING", "INT64"): "bq_text_to_int({0})",
    ("STRING", "FLOAT64"): "bq_text_to_float({0})",
    ("STRING", "NUMERIC"): "bq_text_to_numeric({0})",
    ("STRING", "BOOL"): "bq_text_to_bool({0})",
    ("STRING", "BYTES"): "encode({0})",
    ("STRING", "DATE"): "bq_text_to_date({0})",
    ("STRING", "TIME"): "bq_text_to_time({0})",
    ("STRING", "DATETIME"): "bq_text_to_datetime({0})",
    ("STRING", "TIMESTAMP"): "bq_text_to_timestamp({0})",
    ("BYTES", "STRING"): "decode({0})",
    ("INT64", "STRING"): "CAST({0} AS VARCHAR)",
    ("INT64", "FLOAT64"): "CAST({0} AS DOUBLE)",
    ("INT64", "NUMERIC"): "CAST({0} AS DECIMAL(38,9))",
    ("INT64", "BOOL"): "({0} <> 0)",
    ("FLOAT64", "STRING"): "bq_float_text({0})",
    ("FLOAT64", "INT64"): "CAST(round({0}) AS BIGINT)",
    ("FLOAT64", "NUMERIC"): "bq_float_to_numeric({0})",
    ("NUMERIC", "STRING"): "bq_numeric_text({0})",
    ("NUMERIC", "INT64"): "CAST(round({0}) AS BIGINT)",
    ("NUMERIC", "FLOAT64"): "CAST({0} AS DOUBLE)",
    ("BOOL", "STRING"): "CAST({0} AS VARCHAR)",
    ("BOOL", "INT64"): "CAST({0} AS BIGINT)",
    ("DATE", "STRING"): "strftime({0}, '%Y-%m-%d')",
    ("DATE", "DATETIME"): "CAST({0} AS TIMESTAMP)",
    ("DATE", "TIMESTAMP"): "CAST({0} AS TIMESTAMPTZ)",
    ("TIME", "STRING"): "bq_time_text({0})",
    ("DATETIME", "STRING"): "bq_datetime_text({0})",
    ("DATETIME", "DATE"): "CAST({0} AS DATE)",
    ("DATETIME", "TIME"): "CAST({0} AS TIME)",
    ("DATETIME", "TIMESTAMP"): "CAST({0} AS TIMESTAMPTZ)",
    ("TIMESTAMP", "STRING"): "bq_timestamp_text({0})",
    ("TIMESTAMP", "DATE"): "CAST(timezone('UTC', {0}) AS DATE)",
    ("TIMESTAMP", "TIME"): "CAST(timezone('UTC', {0}) AS TIME)",
    ("TIMESTAMP", "DATETIME"): "timezone('UTC', {0})",
}


def type_of(node: exp.Expr) -> SqlType:
    """The type a DataType node spells; raises notImplemented for parameters and collations that change meaning."""
    if not isinstance(node, exp.DataType):
        raise invalid_query(f"Type not found: {node.sql('bigquery')}")
    kind = node.this
    if kind == exp.DType.ARRAY:
        return array_of(type_of(node.expressions[0]))
    if kind == exp.DType.STRUCT:
        return struct_of([_member(member) for member in node.expressions])
    if kind == exp.DType.USERDEFINED:
        raise invalid_query(f"Type not found: {node.args['kind']}")
    spelled = node.copy()
    spelled.set("expressions", None)
    name = _NAMES.get(kind) or spelled.sql("bigquery").upper()
    try:
        return scalar_type(name)
    except BigQueryError as error:
        raise (invalid_query(f"Type not found: {name}") if error.reason == "invalid" else error) from error


_NAMES = {
    exp.DType.TIMESTAMPTZ: "TIMESTAMP",
    exp.DType.TIMESTAMP: "DATETIME",
    exp.DType.DATETIME: "DATETIME",
    exp.DType.BIGINT: "INT64",
    exp.DType.INT: "INT64",
    exp.DType.DOUBLE: "FLOAT64",
    exp.DType.TEXT: "STRING",
    exp.DType.BINARY: "BYTES",
    exp.DType.VARBINARY: "BYTES",
    exp.DType.DECIMAL: "NUMERIC",
    exp.DType.BIGDECIMAL: "BIGNUMERIC",
}


def _member(node: exp.Expr) -> tuple[str, SqlType]:
    if isinstance(node, exp.ColumnDef):
        return node.name, type_of(node.args["kind"])
    return "", type_of(node)


def precision(node: exp.DataType) -> tuple[int, int] | None:
    """(precision, scale) of NUMERIC(p, s); raises notImplemented for lengths of other types."""
    given = [int(parameter.name) for parameter in node.expressions if isinstance(parameter, exp.DataTypeParam)]
    if not given:
        return None
    if type_of(node).kind != "NUMERIC":
        raise not_implemented(f"the type parameter of {node.sql('bigquery')}")
    return given[0], given[1] if len(given) > 1 else 0


@expression(exp.Cast, exp.TryCast)
def bind_cast(binder: Binder, node: exp.Expr, scope: Scope) -> Typed:
    """CAST, SAFE_CAST, typed literals (DATE '...') and typed constructors (ARRAY<T>[...])."""
    if node.args.get("format") is not None:
        raise not_implemented("CAST ... FORMAT")
    target_node = node.args["to"]
    target, value = type_of(target_node), binder.expr(node.this, scope)
    safe = isinstance(node, exp.TryCast)
    limits = precision(target_node) if isinstance(target_node, exp.DataType) else None
    result = _literal(value, target, safe=safe) or cast(value, target)
    if limits is not None:
        result = Typed(f"CAST(CAST({result.sql} AS DECIMAL({limits[0]},{limits[1]})) AS DECIMAL(38,9))", target)
    return Typed(f"TRY({result.sql})", target, name=value.name) if safe else result.named(value.name)


def _literal(value: Typed, target: SqlType, *, safe: bool) -> Typed | None:
    if value.null and value.value == () and target.element is None:
        raise invalid_query(f"Invalid cast from {value.type} to {target}")
    if value.null:
        coerced = coerce(value, target) or null_of(target)
        return Typed(coerced.sql, target, fails=coerced.fails)  # not a literal NULL any more, so it keeps this type
    if not isinstance(value.value, str) or value.type.kind != "STRING" or target.kind not in literals.PARSERS:
        return None
    try:
        return Typed(literals.from_text(value.value, target), target)
    except BigQueryError:
        if safe:
            return null_of(target)
        raise


def cast(value: Typed, target: SqlType) -> Typed:
    """The value as `target`; raises invalidQuery for a pair BigQuery does not cast."""
    if value.type == target:
        return Typed(value.sql, target)
    if value.literal and (coerced := coerce(value, target)) is not None and value.type.kind != "STRING":
        return Typed(coerced.sql, target)
    if target.kind == "NUMERIC" and isinstance(value.value, str) and _PLAIN_NUMBER.fullmatch(value.value):
        return Typed(f"CAST({value.sql} AS {target.duckdb})", target)
    return Typed(_convert(value.sql, value.type, target), target)


def _convert(sql: str, source: SqlType, target: SqlType) -> str:
    if source == target:
        return sql
    if source.element is not None and target.element is not None:
        return f"list_transform({sql}, lambda e: {_convert('e', source.element, target.element)})"
    if source.kind == target.kind == "STRUCT" and len(source.fields) == len(target.fields):
        return _convert_struct(sql, source, target)
    template = _CASTS.get((source.kind, target.kind))
    if template is None:
        raise invalid_query(f"Invalid cast from {source} to {target}")
    return template.format(sql)


def _convert_struct(sql: str, source: SqlType, target: SqlType) -> str:
    names = zip(quoted_names(target), quoted_names(source), source.fields, target.fields, strict=True)
    parts = [f"{new} := {_convert(f'({sql}).{old}', a, b)}" for new, old, (_, a), (_, b) in names]
    return f"CASE WHEN {sql} IS NULL THEN NULL ELSE struct_pack({', '.join(parts)}) END"
