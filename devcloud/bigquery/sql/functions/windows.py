"""OVER: window specifications, and functions that need a window."""

from __future__ import annotations

from sqlglot import exp

from devcloud.bigquery.model import invalid_query, not_implemented
from devcloud.bigquery.sql.binder import CALLS, Binder, expression
from devcloud.bigquery.sql.expressions import as_signature
from devcloud.bigquery.sql.functions.aggregate_call import AggregateCall
from devcloud.bigquery.sql.functions.aggregates import AGGREGATES
from devcloud.bigquery.sql.ordering import order_terms
from devcloud.bigquery.sql.scope import Scope
from devcloud.bigquery.sql.typed import Typed, unify
from devcloud.bigquery.types import FLOAT64, INT64

_RANKS = {
    "ROW_NUMBER": INT64,
    "RANK": INT64,
    "DENSE_RANK": INT64,
    "PERCENT_RANK": FLOAT64,
    "CUME_DIST": FLOAT64,
}
_VALUES = ("FIRST_VALUE", "LAST_VALUE", "NTH_VALUE")
_SHIFTS = ("LAG", "LEAD")


@expression(exp.Window)
def bind_window(binder: Binder, node: exp.Expr, scope: Scope) -> Typed:
    """function(...) OVER (...)."""
    function = node.this
    ignore_nulls = isinstance(function, exp.IgnoreNulls)
    if isinstance(function, (exp.IgnoreNulls, exp.RespectNulls)):
        function = function.this
    if not isinstance(function, exp.Anonymous):
        raise not_implemented(f"{function.sql('bigquery')[:60]} OVER")
    over = f" OVER ({_specification(binder, node, scope)})"
    call = AggregateCall.parse(binder, function, scope, over=over)
    call.ignore_nulls |= ignore_nulls
    _check(call, node, scope)
    with as_signature(call.name, function):
        return AGGREGATES[call.name](call) if call.name in AGGREGATES else _window_only(call)


def _window_only(call: AggregateCall) -> Typed:
    given = call.arguments()
    if call.name in _RANKS:
        return Typed(f"{call.name.lower()}(){call.over}", _RANKS[call.name])
    if call.name == "NTILE":
        return Typed(f"ntile({given[0].sql}){call.over}", INT64)
    nulls = " IGNORE NULLS" if call.ignore_nulls else ""
    if call.name in _VALUES:
        arguments = ", ".join(item.sql for item in given)
        return Typed(f"{call.name.lower()}({arguments}{nulls}){call.over}", given[0].type)
    if call.name in _SHIFTS:
        return _shifted(call, given, nulls)
    raise not_implemented(f"the window function {call.name}")


def _shifted(call: AggregateCall, given: list[Typed], nulls: str) -> Typed:
    value, kind = given[0], given[0].type
    if len(given) > 2:
        (value, default), kind = unify([given[0], given[2]], f"function {call.name}")
        given = [value, given[1], default]
    arguments = ", ".join(item.sql for item in [value, *given[1:]])
    return Typed(f"{call.name.lower()}({arguments}{nulls}){call.over}", kind)


def _refuse(_: Binder, node: exp.Anonymous, __: Scope) -> Typed:
    raise invalid_query(f"Analytic function {node.this} cannot be called without an OVER clause")


CALLS.update(dict.fromkeys((*_RANKS, *_VALUES, *_SHIFTS, "NTILE"), _refuse))


_ORDERED = (*(name for name in _RANKS if name != "ROW_NUMBER"), *_VALUES, *_SHIFTS, "NTILE")
_UNFRAMED = (*_RANKS, *_SHIFTS, "NTILE")


def _check(call: AggregateCall, node: exp.Expr, scope: Scope) -> None:
    """Check BigQuery's rules for the combination of the function and its window."""
    order, frame = _clause(node, "order", scope), _clause(node, "spec", scope)
    name = call.name.lower()
    if call.name in _ORDERED and order is None:
        raise invalid_query(f"Window ORDER BY is required for analytic function {name}")
    if call.name in _UNFRAMED and frame is not None:
        raise invalid_query(f"Window framing clause is not allowed for analytic function {name}")
    if call.distinct and order is not None:
        raise invalid_query("Window ORDER BY is not allowed if DISTINCT is specified")
    if call.order or call.limit is not None:
        raise invalid_query("ORDER BY and LIMIT in arguments are not supported on analytic functions")
    if frame is not None and str(frame.args["kind"]).upper() == "GROUPS":
        raise invalid_query('Syntax error: Expected ")" or keyword RANGE or keyword ROWS but got keyword GROUPS')


def _clause(node: exp.Expr, name: str, scope: Scope) -> exp.Expr | None:
    """A clause of the window itself or of the one that it names."""
    found, named = node.args.get(name), node.args.get("alias")
    window = scope.windows.get(named.name.lower()) if named is not None and found is None else None
    return _clause(window, name, scope) if isinstance(window, exp.Expr) else found


def _partition_key(value: Typed) -> str:
    if value.type.kind in ("FLOAT64", "JSON"):
        raise invalid_query(f"Partitioning by expressions of type {value.type} is not allowed")
    return value.sql


def _specification(binder: Binder, node: exp.Expr, scope: Scope) -> str:
    """The text inside OVER (...), with the clauses of named windows."""
    partition, order, frame = node.args.get("partition_by"), node.args.get("order"), node.args.get("spec")
    named = node.args.get("alias")
    while named is not None:
        window = scope.windows.get(named.name.lower())
        if not isinstance(window, exp.Expr):
            raise invalid_query(f"Unrecognized window alias {named.name}")
        partition = partition or window.args.get("partition_by")
        order, frame = order or window.args.get("order"), frame or window.args.get("spec")
        named = window.args.get("alias")
    parts = []
    if partition:
        parts.append("PARTITION BY " + ", ".join(_partition_key(binder.expr(item, scope)) for item in partition))
    parts.append(order_terms(binder, order, scope, one_key=_is_by_distance(frame)).strip())
    if frame is not None:
        parts.append(_frame(binder, frame, scope))
    return " ".join(part for part in parts if part)


def _is_by_distance(frame: exp.Expr | None) -> bool:
    """Whether the frame's bounds are distances from the value of the sort key: RANGE BETWEEN 1 PRECEDING AND ..."""
    bounds = [frame.args.get("start"), frame.args.get("end")] if frame is not None else []
    return any(isinstance(bound, exp.Expr) for bound in bounds) and str(frame and frame.args["kind"]) == "RANGE"


def _frame(binder: Binder, frame: exp.Expr, scope: Scope) -> str:
    start = _bound(binder, frame.args.get("start"), frame.args.get("start_side"), scope)
    if frame.args.get("end") is None:
        return f"{frame.args['kind']} {start}"
    end = _bound(binder, frame.args["end"], frame.args.get("end_side"), scope)
    return f"{frame.args['kind']} BETWEEN {start} AND {end}"


def _bound(binder: Binder, at: object, side: object, scope: Scope) -> str:
    text = binder.expr(at, scope).sql if isinstance(at, exp.Expr) else str(at)
    return f"{text} {side}" if side else text
