"""Rules for subqueries as values: scalar ones, EXISTS and arrays."""

from __future__ import annotations

from sqlglot import exp

from devcloud.bigquery.model import invalid_query
from devcloud.bigquery.sql.binder import Binder, expression
from devcloud.bigquery.sql.folding import fold_aggregates, fold_array
from devcloud.bigquery.sql.scope import Scope
from devcloud.bigquery.sql.typed import Typed, array_literal
from devcloud.bigquery.types import BOOL, SqlType


@expression(exp.Array)
def bind_array(binder: Binder, node: exp.Expr, scope: Scope) -> Typed:
    """[...] or ARRAY(subquery)."""
    inner = node.expressions
    if len(inner) == 1 and isinstance(inner[0], (exp.Query, exp.Subquery)):
        if (folded := fold_array(binder, inner[0], scope)) is not None:
            return folded
        relation = binder.query(inner[0], scope.child())
        if len(relation.columns) != 1:
            raise invalid_query("ARRAY subquery cannot have more than one column unless using SELECT AS STRUCT")
        return Typed(f"ARRAY({relation.sql})", SqlType("ARRAY", element=relation.columns[0].type))
    return array_literal([binder.expr(item, scope) for item in inner])


@expression(exp.Exists)
def bind_exists(binder: Binder, node: exp.Expr, scope: Scope) -> Typed:
    """EXISTS(subquery)."""
    return Typed(f"EXISTS({binder.query(node.this, scope.child()).sql})", BOOL)


@expression(exp.Subquery, exp.Select, exp.Union, exp.Intersect, exp.Except)
def bind_scalar_subquery(binder: Binder, node: exp.Expr, scope: Scope) -> Typed:
    """A query as a value: one column, at most one row."""
    if (folded := fold_aggregates(binder, node, scope)) is not None:
        return folded
    relation = binder.query(node, scope.child())
    if len(relation.columns) != 1:
        raise invalid_query("Scalar subquery cannot have more than one column unless using SELECT AS STRUCT")
    return Typed(f"({relation.sql})", relation.columns[0].type)
