"""Aggregate functions, alone and over windows."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from devcloud.bigquery.model import invalid_query, not_implemented
from devcloud.bigquery.sql.binder import CALLS, Binder
from devcloud.bigquery.sql.functions.aggregate_call import AggregateCall
from devcloud.bigquery.sql.scope import Scope
from devcloud.bigquery.sql.typed import Typed, are_quoted, coerce, require
from devcloud.bigquery.types import BOOL, FLOAT64, INT64, JSON, NUMERIC, STRING, array_of

Rule = Callable[[AggregateCall], Typed]
AGGREGATES: dict[str, Rule] = {}


def aggregate(*names: str) -> Callable[[Rule], Rule]:
    """Register an aggregate, usable with and without OVER."""

    def register(rule: Rule) -> Rule:
        for name in names:
            AGGREGATES[name] = rule
            CALLS[name] = _plain(rule)
        return rule

    return register


def _plain(rule: Rule) -> Callable[[Binder, exp.Anonymous, Scope], Typed]:
    return lambda binder, node, scope: rule(AggregateCall.parse(binder, node, scope, over=""))


@aggregate("COUNT")
def count(call: AggregateCall) -> Typed:
    """COUNT(*), COUNT(x), COUNT(DISTINCT x)."""
    if len(call.nodes) == 1 and isinstance(call.nodes[0], exp.Star):
        return Typed(call.emit("count", "*"), INT64)
    value = call.one("COUNT")
    if call.distinct and (value.type == JSON or value.type.element is not None):
        raise invalid_query(f"Aggregate functions with DISTINCT cannot be used with arguments of type {value.type}")
    return Typed(call.emit("count", value.sql), INT64)


@aggregate("COUNTIF")
def countif(call: AggregateCall) -> Typed:
    """COUNTIF(condition)."""
    condition = require(call.one("COUNTIF"), BOOL, "COUNTIF argument").sql
    if call.distinct:
        raise not_implemented("COUNTIF(DISTINCT ...)")
    return Typed(call.emit("count", "*", where=condition), INT64)


@aggregate("SUM")
def total(call: AggregateCall) -> Typed:
    """SUM: exact for INT64 and NUMERIC, an error on overflow."""
    value = call.numeric("SUM")
    text = call.emit("sum", value.sql)
    return Typed(f"CAST({text} AS BIGINT)" if value.type == INT64 else text, value.type)


@aggregate("AVG")
def average(call: AggregateCall) -> Typed:
    """AVG: FLOAT64, for NUMERIC exact."""
    value = call.numeric("AVG")
    if value.type != NUMERIC:
        return Typed(call.emit("avg", f"CAST({value.sql} AS DOUBLE)"), FLOAT64)
    rows = f"CAST({call.emit('count', value.sql)} AS DECIMAL(38,9))"
    return Typed(f"bq_numeric_average({call.emit('sum', value.sql)}, {rows})", NUMERIC)


@aggregate("MIN", "MAX")
def extreme(call: AggregateCall) -> Typed:
    """MIN, MAX; the result is NaN if any value is NaN."""
    value = call.one(call.name)
    if value.type == JSON or value.type.element is not None or value.type.kind == "STRUCT":
        raise invalid_query(f"{call.name} is not defined for arguments of type {value.type}")
    if value.type == FLOAT64 and call.name == "MIN":
        nan = call.emit("bool_or", f"isnan({value.sql})")
        return Typed(f"CASE WHEN {nan} THEN CAST('nan' AS DOUBLE) ELSE {call.emit('min', value.sql)} END", FLOAT64)
    return Typed(call.emit(call.name.lower(), value.sql), value.type)


@aggregate("ANY_VALUE")
def any_value(call: AggregateCall) -> Typed:
    """ANY_VALUE, with HAVING MAX or MIN."""
    value = call.one("ANY_VALUE")
    if call.having is not None:
        key, largest = call.having
        return Typed(call.emit("arg_max" if largest else "arg_min", value.sql, key.sql), value.type)
    return Typed(call.emit("any_value", value.sql), value.type)


@aggregate("MAX_BY", "MIN_BY")
def extreme_by(call: AggregateCall) -> Typed:
    """MAX_BY(x, y): the x of the row with the largest y."""
    value, key = call.two(call.name)
    return Typed(call.emit("arg_max" if call.name == "MAX_BY" else "arg_min", value.sql, key.sql), value.type)


@aggregate("STRING_AGG")
def string_agg(call: AggregateCall) -> Typed:
    """STRING_AGG(x, separator ORDER BY ... LIMIT n)."""
    given = call.arguments()
    if not 1 <= len(given) <= 2 or given[0].type != STRING:
        kinds = ", ".join(str(g.type) for g in given)
        raise invalid_query(f"No matching signature for aggregate function STRING_AGG for argument types: {kinds}")
    separator = require(given[1], STRING, "STRING_AGG separator").sql if len(given) == 2 else "','"
    if call.limit is None and not call.distinct:
        return Typed(call.emit("string_agg", given[0].sql, separator), STRING, is_quoted=are_quoted(given))
    listed = call.listed(given[0].sql, f"{given[0].sql} IS NOT NULL")
    if call.limit is not None:
        listed = f"list_slice({listed}, 1, {call.limit})"
    return Typed(f"array_to_string({listed}, {separator})", STRING)


@aggregate("ARRAY_AGG")
def array_agg(call: AggregateCall) -> Typed:
    """ARRAY_AGG(x IGNORE NULLS ORDER BY ... LIMIT n); NULL over no rows."""
    value = call.one("ARRAY_AGG")
    if value.type.element is not None:
        raise invalid_query("The argument to ARRAY_AGG must not be an array type")
    text = _known_only(call, value) if call.ignore_nulls else call.listed(value.sql)
    if call.limit is not None:
        text = f"list_slice({text}, 1, {call.limit})"
    return Typed(text, array_of(value.type))


def _known_only(call: AggregateCall, value: Typed) -> str:
    if value.chosen is None or call.distinct or call.over:
        return call.listed(value.sql, f"{value.sql} IS NOT NULL")
    # The x of IF(condition, x, NULL) may be large. This writes it once and evaluates it only where the condition holds.
    condition, chosen = value.chosen
    text = call.listed(chosen, condition)
    return f"nullif(list_filter({text}, lambda known: known IS NOT NULL), [])"


@aggregate("ARRAY_CONCAT_AGG")
def array_concat_agg(call: AggregateCall) -> Typed:
    """ARRAY_CONCAT_AGG(array ORDER BY ... LIMIT n)."""
    value = call.one("ARRAY_CONCAT_AGG")
    if value.type.element is None:
        raise invalid_query(f"No matching signature for function ARRAY_CONCAT_AGG for argument types: {value.type}")
    text = call.emit("list", value.sql, where=f"{value.sql} IS NOT NULL")
    if call.limit is not None:
        text = f"list_slice({text}, 1, {call.limit})"
    return Typed(f"flatten({text})", value.type)


@aggregate("LOGICAL_AND", "LOGICAL_OR")
def logical(call: AggregateCall) -> Typed:
    """LOGICAL_AND, LOGICAL_OR."""
    value = require(call.one(call.name), BOOL, f"{call.name} argument")
    return Typed(call.emit("bool_and" if call.name == "LOGICAL_AND" else "bool_or", value.sql), BOOL)


@aggregate("BIT_AND", "BIT_OR", "BIT_XOR")
def bits(call: AggregateCall) -> Typed:
    """BIT_AND, BIT_OR, BIT_XOR."""
    value = require(call.one(call.name), INT64, f"{call.name} argument")
    return Typed(call.emit(call.name.lower(), value.sql), INT64)


_STATISTICS = {
    "STDDEV": "stddev_samp",
    "STDDEV_SAMP": "stddev_samp",
    "STDDEV_POP": "stddev_pop",
    "VARIANCE": "var_samp",
    "VAR_SAMP": "var_samp",
    "VAR_POP": "var_pop",
    "CORR": "corr",
    "COVAR_POP": "covar_pop",
    "COVAR_SAMP": "covar_samp",
}


@aggregate(*_STATISTICS)
def statistic(call: AggregateCall) -> Typed:
    """Variances, standard deviations and the like, in FLOAT64."""
    given = call.arguments()
    if len(given) != (2 if call.name in ("CORR", "COVAR_POP", "COVAR_SAMP") else 1):
        raise invalid_query(f"No matching signature for function {call.name}")
    if any(g.type == NUMERIC for g in given):
        raise not_implemented(f"{call.name} over NUMERIC")
    values = [coerce(g, FLOAT64) for g in given]
    if None in values:
        raise invalid_query(f"No matching signature for function {call.name} for argument types: {given[0].type}")
    return Typed(call.emit(_STATISTICS[call.name], *(v.sql for v in values if v)), FLOAT64)


@aggregate("APPROX_COUNT_DISTINCT")
def approximate_count(call: AggregateCall) -> Typed:
    """APPROX_COUNT_DISTINCT; the exact count is a valid approximation."""
    call.distinct = True
    return Typed(call.emit("count", call.one(call.name).sql), INT64)


@aggregate("GROUPING")
def grouping(call: AggregateCall) -> Typed:
    """GROUPING(x): whether x is aggregated away in this row."""
    return Typed(call.emit("grouping", call.one("GROUPING").sql), INT64)


@aggregate("PERCENTILE_CONT", "PERCENTILE_DISC")
def percentile(call: AggregateCall) -> Typed:
    """PERCENTILE_CONT(x, p) OVER (...), NULLs left out."""
    value, at = call.two(call.name)
    if not call.over:
        raise invalid_query(f"Analytic function {call.name} cannot be called without an OVER clause")
    if call.name == "PERCENTILE_DISC":
        return Typed(call.emit("quantile_disc", value.sql, at.sql), value.type)
    number = coerce(value, FLOAT64)
    if number is None or value.type == NUMERIC:
        raise not_implemented(f"{call.name} over {value.type}")
    return Typed(call.emit("quantile_cont", number.sql, at.sql), FLOAT64)
