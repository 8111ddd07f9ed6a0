"""Operators: arithmetic, comparison, logic and membership."""

from __future__ import annotations

from functools import partial

from sqlglot import exp

from devcloud.bigquery.model import invalid_query, not_implemented
from devcloud.bigquery.sql.binder import Binder, expression
from devcloud.bigquery.sql.clause_rules import check_no_null
from devcloud.bigquery.sql.equality import (
    among,
    among_rows,
    check_comparable,
    equal,
    number_comparison,
    unequal,
)
from devcloud.bigquery.sql.functions.dates import shift
from devcloud.bigquery.sql.registry import call, define, later
from devcloud.bigquery.sql.scope import Scope
from devcloud.bigquery.sql.typed import Typed, unify
from devcloud.bigquery.types import BOOL

_BINARY: dict[type[exp.Expr], str] = {
    exp.Add: "+",
    exp.Sub: "-",
    exp.Mul: "*",
    exp.Div: "/",
    exp.EQ: "=",
    exp.NEQ: "!=",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.DPipe: "||",
    exp.Like: "LIKE",
    exp.BitwiseAnd: "&",
    exp.BitwiseOr: "|",
    exp.BitwiseXor: "^",
    exp.BitwiseLeftShift: "<<",
    exp.BitwiseRightShift: ">>",
    exp.NullSafeEQ: "IS_NOT_DISTINCT_FROM",
    exp.NullSafeNEQ: "IS_DISTINCT_FROM",
}

_OVER_NULL = ("<<", ">>", "IS_NOT_DISTINCT_FROM", "IS_DISTINCT_FROM")


define(
    "+",
    ("INT64 INT64 -> INT64", "({0} + {1})"),
    ("NUMERIC NUMERIC -> NUMERIC", "({0} + {1})"),
    ("FLOAT64 FLOAT64 -> FLOAT64", "({0} + {1})"),
    ("DATE INT64 -> DATE", "bq_date_plus({0}, {1})"),
    ("INT64 DATE -> DATE", "bq_date_plus({1}, {0})"),
)
define(
    "-",
    ("INT64 INT64 -> INT64", "({0} - {1})"),
    ("NUMERIC NUMERIC -> NUMERIC", "({0} - {1})"),
    ("FLOAT64 FLOAT64 -> FLOAT64", "({0} - {1})"),
    ("DATE INT64 -> DATE", "bq_date_plus({0}, -({1}))"),
    *(
        (f"{_kind} {_kind} -> {_kind}", later(f"{_kind} - {_kind}, an INTERVAL"))
        for _kind in ("DATE", "TIMESTAMP", "DATETIME", "TIME")
    ),
    ("INT64 -> INT64", "(- {0})"),
    ("NUMERIC -> NUMERIC", "(- {0})"),
    ("FLOAT64 -> FLOAT64", "(- {0})"),
)
define(
    "*",
    ("INT64 INT64 -> INT64", "({0} * {1})"),
    ("NUMERIC NUMERIC -> NUMERIC", "bq_numeric_multiply({0}, {1})"),
    ("FLOAT64 FLOAT64 -> FLOAT64", "({0} * {1})"),
)
define(
    "/",
    ("INT64 INT64 -> FLOAT64", "bq_float_divide(CAST({0} AS DOUBLE), CAST({1} AS DOUBLE))"),
    ("FLOAT64 FLOAT64 -> FLOAT64", "bq_float_divide({0}, {1})"),
    ("NUMERIC NUMERIC -> NUMERIC", "bq_numeric_divide({0}, {1})"),
)
for _sign, _at in (("<", 1), ("<=", 1), (">", 0), (">=", 0)):
    define(_sign, ("FLOAT64 FLOAT64 -> BOOL", partial(number_comparison, _sign, _at)))
    define(_sign, ("T T -> BOOL", f"({{0}} {_sign} {{1}})"))
define("=", ("T T -> BOOL", lambda given: equal(*given)))
define("!=", ("T T -> BOOL", lambda given: unequal(*given)))
for _sign in ("IS DISTINCT FROM", "IS NOT DISTINCT FROM"):
    define(_sign.replace(" ", "_"), ("T T -> BOOL", f"({{0}} {_sign} {{1}})"))
define("||", ("STRING STRING -> STRING", "({0} || {1})"), ("BYTES BYTES -> BYTES", "({0} || {1})"))
define("||", ("ARRAY<T> ARRAY<T> -> ARRAY<T>", "list_concat({0}, {1})"))
define("LIKE", ("STRING STRING -> BOOL", lambda given: _like(*given)))
for _sign in ("&", "|"):
    define(_sign, ("INT64 INT64 -> INT64", f"({{0}} {_sign} {{1}})"))
define("^", ("INT64 INT64 -> INT64", "xor({0}, {1})"))
define("~", ("INT64 -> INT64", "(~ {0})"))
define("<<", ("INT64 INT64 -> INT64", "bq_shift_left({0}, {1})"))
define(">>", ("INT64 INT64 -> INT64", "bq_shift_right({0}, {1})"))


def _like(value: Typed, pattern: Typed) -> str:
    if isinstance(pattern.value, str) and "\\" not in pattern.value:
        return f"({value.sql} LIKE {pattern.sql})"
    # In a CASE, because DuckDB 2.0 loses a NOT over LIKE ... ESCAPE when it pushes it into a joined table's scan.
    match = f"{value.sql} LIKE {pattern.sql} ESCAPE '\\'"
    return f"(CASE WHEN {match} THEN TRUE WHEN {value.sql} IS NOT NULL AND {pattern.sql} IS NOT NULL THEN FALSE END)"


@expression(*_BINARY)
def bind_binary(binder: Binder, node: exp.Expr, scope: Scope) -> Typed:
    """A binary operator, by its signatures."""
    sign = _BINARY[type(node)]
    if sign in "+-" and isinstance(node.expression, exp.Interval):
        return shift(binder, binder.expr(node.this, scope), node.expression, scope, sign)
    if sign == "+" and isinstance(node.this, exp.Interval):
        return shift(binder, binder.expr(node.expression, scope), node.this, scope, sign)
    if sign not in _OVER_NULL:
        check_no_null((node.this, node.expression), sign)
    left, right = binder.expr(node.this, scope), binder.expr(node.expression, scope)
    if sign in ("=", "!=", "<", "<=", ">", ">="):
        for side in (left, right):
            check_comparable(side, "Equality" if sign in ("=", "!=") else sign, for_order=sign not in ("=", "!="))
    result = call(sign, [left, right], what=f"operator {sign}")
    return Typed(f"(NOT {result.sql})", BOOL) if node.args.get("negate") else result


@expression(exp.BitwiseNot)
def bind_bitwise_not(binder: Binder, node: exp.Expr, scope: Scope) -> Typed:
    """~x."""
    check_no_null([node.this], "~")
    return call("~", [binder.expr(node.this, scope)], what="operator ~")


@expression(exp.And, exp.Or)
def bind_logic(binder: Binder, node: exp.Expr, scope: Scope) -> Typed:
    """AND, OR."""
    word = "AND" if isinstance(node, exp.And) else "OR"
    sides = [binder.condition(side, scope, f"{word} operand") for side in (node.this, node.expression)]
    return Typed(f"({sides[0]} {word} {sides[1]})", BOOL)


@expression(exp.Not)
def bind_not(binder: Binder, node: exp.Expr, scope: Scope) -> Typed:
    """NOT x."""
    check_no_null([node.this], "NOT")
    return Typed(f"(NOT {binder.condition(node.this, scope, 'NOT operand')})", BOOL)


@expression(exp.Is)
def bind_is(binder: Binder, node: exp.Expr, scope: Scope) -> Typed:
    """IS NULL, IS TRUE, IS FALSE."""
    wanted = node.expression
    if isinstance(wanted, exp.Null):
        return Typed(f"({binder.expr(node.this, scope).sql} IS NULL)", BOOL)
    if not isinstance(wanted, exp.Boolean):
        raise not_implemented(f"IS {wanted.sql('bigquery')}")
    value = binder.condition(node.this, scope, "IS operand")
    return Typed(f"({value} IS {'TRUE' if wanted.this else 'FALSE'})", BOOL)


@expression(exp.Between)
def bind_between(binder: Binder, node: exp.Expr, scope: Scope) -> Typed:
    """x BETWEEN a AND b."""
    given = [binder.expr(part, scope) for part in (node.this, node.args["low"], node.args["high"])]
    for part in given:
        check_comparable(part, "BETWEEN", for_order=True)
    unify([part for part in given if not part.null], "operator BETWEEN")
    low = call(">=", [given[0], given[1]], what="operator BETWEEN")
    high = call("<=", [given[0], given[2]], what="operator BETWEEN")
    return Typed(f"({low.sql} AND {high.sql})", BOOL)


@expression(exp.In)
def bind_in(binder: Binder, node: exp.Expr, scope: Scope) -> Typed:
    """x IN (list), IN (subquery), IN UNNEST(array)."""
    value = binder.expr(node.this, scope)
    if node.args.get("unnest") is not None:
        return _in_unnest(value, binder.expr(node.args["unnest"].expressions[0], scope))
    if node.args.get("query") is not None:
        return _in_query(binder, value, node.args["query"], scope)
    given = [value, *(binder.expr(item, scope) for item in node.expressions)]
    (left, *rest), _ = unify(given, "operator IN")
    check_comparable(left, "IN")
    return Typed(among(left, rest), BOOL)


def _in_unnest(value: Typed, array: Typed) -> Typed:
    if array.type.element is None:
        raise invalid_query("Second argument of IN UNNEST must be an array")
    if array.null and array.value == ():
        return Typed("FALSE", BOOL)
    element = Typed("x.v", array.type.element, literal=array.literal)
    (left, right), _ = unify([value, element], "operator IN UNNEST")
    check_comparable(left, "IN UNNEST")
    return Typed(among_rows(left, right, f"(SELECT unnest({array.sql}) AS v) AS x"), BOOL)


def _in_query(binder: Binder, value: Typed, query: exp.Expr, scope: Scope) -> Typed:
    value = Typed(value.sql, value.type) if value.null else value  # a NULL keeps its type INT64 here
    relation = binder.query(query, scope.child())
    if len(relation.columns) != 1:
        raise invalid_query("Subquery of type IN must have only one output column")
    alias = binder.context.fresh("q")
    column = relation.columns[0]
    (left, right), _ = unify([value, Typed(f"{alias}.{column.sql}", column.type)], "operator IN")
    check_comparable(left, "IN")
    return Typed(among_rows(left, right, f"({relation.sql}) AS {alias}"), BOOL)
