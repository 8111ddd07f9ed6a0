"""Functions of any type: NULL handling, comparison, arrays and structs."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from devcloud.bigquery.model import invalid_query, not_implemented
from devcloud.bigquery.sql.binder import Binder, function
from devcloud.bigquery.sql.equality import check_comparable, null_if
from devcloud.bigquery.sql.expressions import make_struct
from devcloud.bigquery.sql.functions.date_parts import PARTS
from devcloud.bigquery.sql.functions.dates import interval_text
from devcloud.bigquery.sql.registry import call, define
from devcloud.bigquery.sql.scope import Scope
from devcloud.bigquery.sql.typed import Typed
from devcloud.bigquery.types import DATE, INT64, STRING, TIMESTAMP, array_of


def _only(given: Sequence[Typed]) -> str:
    check_comparable(given[0], "GREATEST or LEAST", for_order=True)
    return given[0].sql


def _concatenated(given: Sequence[Typed]) -> str:
    if any(item.null and item.value != () for item in given):
        raise invalid_query("The argument to ARRAY_CONCAT must be an array type but was NULL")
    listed = ", ".join(item.sql for item in given)
    if all(item.never_null for item in given):
        return f"flatten([{listed}])"
    return f"bq_if_all_known([{listed}], flatten([{listed}]))"


def _extreme(function: str, given: Sequence[Typed]) -> str:
    check_comparable(given[0], function.upper(), for_order=True)
    listed = ", ".join(item.sql for item in given)
    return f"bq_if_all_known([{listed}], {function}({listed}))"


define("COALESCE", ("T T* -> T", "coalesce({args})"), ("T -> T", "{0}"))
define("IFNULL", ("T T -> T", "coalesce({0}, {1})"))
define("NULLIF", ("T T -> T", lambda given: null_if(*given)))
define("GREATEST", ("T T* -> T", lambda given: _extreme("greatest", given)), ("T -> T", _only))
define(
    "LEAST",
    ("FLOAT64 FLOAT64* -> FLOAT64", "bq_if_all_known([{args}], bq_least([{args}]))"),
    ("T T* -> T", lambda given: _extreme("least", given)),
    ("T -> T", _only),
)
define("ARRAY_LENGTH", ("ARRAY<T> -> INT64", "len({0})"))
define("ARRAY_CONCAT", ("ARRAY<T> ARRAY<T>* -> ARRAY<T>", _concatenated))
define("ARRAY_REVERSE", ("ARRAY<T> -> ARRAY<T>", "list_reverse({0})"))
define("ARRAY_FIRST", ("ARRAY<T> -> T", "bq_element_strict({0}, 0)"))
define("ARRAY_LAST", ("ARRAY<T> -> T", "bq_element_strict({0}, len({0}) - 1)"))
define(
    "ARRAY_TO_STRING",
    ("ARRAY<STRING> STRING -> STRING", "bq_array_text({0}, {1})"),
    ("ARRAY<STRING> STRING STRING -> STRING", "bq_array_text_with({0}, {1}, {2})"),
)
define(
    "GENERATE_ARRAY",
    ("INT64 INT64 -> ARRAY<INT64>", "bq_series({0}, {1}, 1)"),
    ("INT64 INT64 INT64 -> ARRAY<INT64>", "bq_series({0}, {1}, {2})"),
)
define("GENERATE_UUID", ("-> STRING", "CAST(uuid() AS VARCHAR)"))
define("RAND", ("-> FLOAT64", "random()"))


@function("ERROR")
def bind_error(binder: Binder, node: exp.Anonymous, scope: Scope) -> Typed:
    """ERROR(message): evaluation fails with the message."""
    if len(node.expressions) != 1:
        raise invalid_query("No matching signature for function ERROR")
    message = binder.typed(node.expressions[0], scope, STRING, "ERROR argument").sql
    return Typed(f"error({message})", INT64, literal=True, null=True, fails=True)


@function("STRUCT")
def bind_struct(binder: Binder, node: exp.Anonymous, scope: Scope) -> Typed:
    """STRUCT(x AS a, y): a field takes its alias or its column's name."""
    members = []
    for argument in node.expressions:
        value = binder.expr(argument, scope)
        named = isinstance(argument.unnest(), (exp.Alias, exp.Column, exp.Dot))
        members.append(value if named else value.named(""))
    return make_struct(members)


@function("IF")
def bind_if(binder: Binder, node: exp.Anonymous, scope: Scope) -> Typed:
    """IF spelled as a call."""
    condition, yes, no = node.expressions
    return binder.expr(exp.If(this=condition, true=yes, false=no), scope)


@function("GENERATE_DATE_ARRAY", "GENERATE_TIMESTAMP_ARRAY")
def bind_date_array(binder: Binder, node: exp.Anonymous, scope: Scope) -> Typed:
    """GENERATE_DATE_ARRAY(from, to, INTERVAL n PART), both ends included."""
    kind = DATE if str(node.this).upper() == "GENERATE_DATE_ARRAY" else TIMESTAMP
    arguments = node.expressions
    if not 2 <= len(arguments) <= 3:
        raise invalid_query(f"No matching signature for function {node.this}")
    ends = [binder.typed(end, scope, kind, f"{node.this} argument").sql for end in arguments[:2]]
    step = "to_days(1)"
    if len(arguments) == 3:
        if not isinstance(arguments[2], exp.Interval):
            raise not_implemented(f"{node.this} with a step that is no INTERVAL")
        step = interval_text(binder, arguments[2], scope, tuple(PARTS))
        if any(word in step for word in ("months", "quarters", "years")):
            ends[0] = f"bq_no_late_day({ends[0]})"
    series = f"bq_time_series({ends[0]}, {ends[1]}, {step})"
    if kind == DATE:
        series = f"bq_time_series(CAST({ends[0]} AS TIMESTAMP), CAST({ends[1]} AS TIMESTAMP), {step})"
    return Typed(f"CAST({series} AS {kind.duckdb}[])", array_of(kind))


@function("COLLATE")
def bind_collate(_: Binder, node: exp.Anonymous, __: Scope) -> Typed:
    """COLLATE(text, collation): always an error, because collations change comparisons and are not implemented."""
    name = node.expressions[1].name if len(node.expressions) == 2 else ""
    if name.lower() == "binary":
        raise invalid_query(f"Collation '{name}' in collate function is not supported.")
    raise not_implemented(f"the collation {name}")


@function("RANGE_BUCKET")
def bind_range_bucket(binder: Binder, node: exp.Anonymous, scope: Scope) -> Typed:
    """RANGE_BUCKET(point, boundaries)."""
    given = [binder.expr(argument, scope) for argument in node.expressions]
    element = given[1].type.element if len(given) == 2 else None
    if element is None:
        raise invalid_query("No matching signature for function RANGE_BUCKET")
    below = call("<=", [Typed("b", element), given[0]], what="function RANGE_BUCKET")
    text = f"CAST(len(list_filter({given[1].sql}, lambda b: {below.sql})) AS BIGINT)"
    return Typed(f"CASE WHEN {given[0].sql} IS NULL THEN NULL ELSE {text} END", INT64)
