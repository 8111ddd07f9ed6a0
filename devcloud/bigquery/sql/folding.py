"""Writes subqueries over one array as list functions, because DuckDB would join each with all rows of the outer query.

`(SELECT SUM(c.amount) FROM UNNEST(credits) AS c)` and `ARRAY(SELECT ... FROM UNNEST(labels) ...)` occur in statements
over millions of rows. BigQuery evaluates them row by row, and so do list functions.
"""

from __future__ import annotations

from sqlglot import exp

from devcloud.bigquery.sql.binder import Binder
from devcloud.bigquery.sql.relations import add_element
from devcloud.bigquery.sql.scope import Elements, Scope
from devcloud.bigquery.sql.select_list import expand
from devcloud.bigquery.sql.typed import Typed, built
from devcloud.bigquery.types import array_of, struct_of

_CLAUSES = ("with_", "joins", "group", "having", "qualify", "windows", "order", "limit", "offset", "distinct")
_FOLDED = frozenset(["SUM", "MIN", "MAX", "COUNT", "COUNTIF", "LOGICAL_AND", "LOGICAL_OR", "STRING_AGG"])
# Nodes that DuckDB does not accept in a lambda, and modifiers of aggregates that list functions do not have.
_UNFOLDABLE = (exp.Query, exp.Window, exp.Distinct, exp.Limit, exp.IgnoreNulls, exp.HavingMax)
_VOLATILE = frozenset(["RAND", "GENERATE_UUID"])


def is_volatile(tree: exp.Expr) -> bool:
    """Whether an expression may have a different value at each evaluation."""
    return any(_name(call) in _VOLATILE for call in tree.find_all(exp.Anonymous))


def fold_array(binder: Binder, node: exp.Expr, scope: Scope) -> Typed | None:
    """ARRAY(SELECT x FROM UNNEST(array) WHERE ...) as a list; None if it has to stay a query."""
    select = _over_one_array(node)
    if select is None or any(_is_aggregate(call) for call in select.find_all(exp.Anonymous)):
        return None
    inner = scope.child()
    elements = _elements(binder, select, inner)
    value = _value(binder, select, inner)
    kind = array_of(value.type)
    return Typed(f"coalesce({elements.each(value.sql)}, CAST([] AS {kind.duckdb}))", kind, never_null=True)


def fold_aggregates(binder: Binder, node: exp.Expr, scope: Scope) -> Typed | None:
    """A query that has only aggregates over one array, as a value; None if it has to stay a query."""
    select = _over_one_array(node)
    if select is None or not all(_is_of_aggregates(item) for item in select.expressions):
        return None
    inner = scope.child()
    inner.elements = _elements(binder, select, inner)
    return _value(binder, select, inner)


def _value(binder: Binder, select: exp.Select, scope: Scope) -> Typed:
    items = expand(binder, select.expressions, scope)
    if not select.args.get("kind"):
        return Typed(items[0].value.sql, items[0].value.type)
    return built(struct_of([(item.alias, item.value.type) for item in items]), [item.value.sql for item in items])


def _elements(binder: Binder, select: exp.Select, scope: Scope) -> Elements:
    elements = add_element(binder, select.args["from_"].this, scope)
    where = select.args.get("where")
    return elements.where(binder.condition(where.this, scope, "WHERE clause")) if where else elements


# What can be folded ---------------------------------------------------------------------------------------------------


def _over_one_array(node: exp.Expr) -> exp.Select | None:
    """The SELECT if it reads one array, has one output value, and list functions can express it; else None."""
    while isinstance(node, exp.Subquery) and not any(node.args.get(clause) for clause in _CLAUSES):
        node = node.this
    if not isinstance(node, exp.Select) or any(node.args.get(clause) for clause in _CLAUSES):
        return None
    source = node.args.get("from_")
    array = source.this if source is not None else None
    if not isinstance(array, exp.Unnest) or len(array.expressions) != 1 or array.args.get("offset"):
        return None
    kind = str(node.args.get("kind") or "").upper()
    if kind not in ("", "STRUCT") or (not kind and len(node.expressions) != 1):
        return None
    where = node.args.get("where")
    parts = [*node.expressions, *([where] if where else [])]
    return node if all(_is_foldable(part) for part in parts) else None


def _is_foldable(part: exp.Expr) -> bool:
    if any(True for _ in part.find_all(*_UNFOLDABLE)):
        return False
    if is_volatile(part):
        return False
    stars = part.find_all(exp.Star)
    if any(not isinstance(star.parent, exp.Anonymous) or _name(star.parent) != "COUNT" for star in stars):
        return False
    return all(_is_by_itself(order) for order in part.find_all(exp.Order))


def _is_by_itself(order: exp.Order) -> bool:
    """Whether an aggregate sorts its values by themselves in ascending order: STRING_AGG(x, ',' ORDER BY x)."""
    call = order.parent
    keys = order.expressions
    return (
        isinstance(call, exp.Anonymous)
        and len(keys) == 1
        and not keys[0].args.get("desc")
        and bool(keys[0].args.get("nulls_first"))
        and keys[0].this == (call.expressions[0].this if call.expressions[0] is order else call.expressions[0])
    )


def _is_of_aggregates(item: exp.Expr) -> bool:
    """Whether the item has aggregates, list functions can express them, and columns occur only inside them."""
    calls = [call for call in item.find_all(exp.Anonymous) if _is_aggregate(call)]
    within = {id(column) for call in calls for column in call.find_all(exp.Column)}
    outside = any(id(column) not in within for column in item.find_all(exp.Column))
    return bool(calls) and not outside and all(_name(call) in _FOLDED for call in calls)


def _is_aggregate(call: exp.Anonymous) -> bool:
    from devcloud.bigquery.sql.functions.aggregates import AGGREGATES

    return _name(call) in AGGREGATES


def _name(call: exp.Anonymous) -> str:
    return str(call.this if isinstance(call.this, str) else call.this.name).upper()
