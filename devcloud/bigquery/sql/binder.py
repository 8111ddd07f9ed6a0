"""Dispatches each node of a parsed statement to the rule that types it and writes its DuckDB text."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqlglot import exp

from devcloud.bigquery.model import invalid_query, not_implemented
from devcloud.bigquery.sql.context import Context
from devcloud.bigquery.sql.scope import Relation, Scope
from devcloud.bigquery.sql.typed import Typed, require
from devcloud.bigquery.types import BOOL, INT64, SqlType

Rule = Callable[["Binder", exp.Expr, Scope], Typed]
QueryRule = Callable[["Binder", exp.Expr, Scope], Relation]
CallRule = Callable[["Binder", exp.Anonymous, Scope], Typed]
_R = TypeVar("_R", bound=Callable[..., object])

EXPRESSIONS: dict[type[exp.Expr], Rule] = {}
QUERIES: dict[type[exp.Expr], QueryRule] = {}
CALLS: dict[str, CallRule] = {}


def expression(*nodes: type[exp.Expr]) -> Callable[[Rule], Rule]:
    """Register the rule for expressions of these nodes."""

    def register(rule: Rule) -> Rule:
        EXPRESSIONS.update(dict.fromkeys(nodes, rule))
        return rule

    return register


def query(*nodes: type[exp.Expr]) -> Callable[[QueryRule], QueryRule]:
    """Register the rule for queries of these nodes."""

    def register(rule: QueryRule) -> QueryRule:
        QUERIES.update(dict.fromkeys(nodes, rule))
        return rule

    return register


def function(*names: str) -> Callable[[CallRule], CallRule]:
    """Register the rule for a function with special arguments, such as date parts and formats, or for an aggregate."""

    def register(rule: CallRule) -> CallRule:
        CALLS.update(dict.fromkeys(names, rule))
        return rule

    return register


class Binder:
    """Binds one statement in its context."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def expr(self, node: exp.Expr | None, scope: Scope) -> Typed:
        """The bound expression; raises notImplemented for syntax that has no rule."""
        if node is None:
            raise invalid_query("Syntax error: Unexpected end of expression")
        rule = EXPRESSIONS.get(type(node))
        if rule is None:
            raise not_implemented(f"the expression {type(node).__name__}: {node.sql('bigquery')[:80]}")
        return rule(self, node, scope)

    def condition(self, node: exp.Expr, scope: Scope, clause: str) -> str:
        """The DuckDB text of a BOOL expression."""
        bound = self.expr(node, scope)
        if bound.null and bound.value != ():
            return "CAST(NULL AS BOOLEAN)"
        if bound.type != BOOL:
            raise invalid_query(f"{clause} should return type BOOL, but returns {bound.type}")
        return bound.sql

    def typed(self, node: exp.Expr, scope: Scope, kind: SqlType, what: str) -> Typed:
        """The bound expression coerced to `kind`."""
        return require(self.expr(node, scope), kind, what)

    def integer(self, node: exp.Expr, scope: Scope, what: str) -> str:
        """The DuckDB text of an INT64 expression."""
        return self.typed(node, scope, INT64, what).sql

    def query(self, node: exp.Expr, scope: Scope) -> Relation:
        """The bound query; raises notImplemented for syntax that has no rule."""
        rule = QUERIES.get(type(node))
        if rule is None:
            raise not_implemented(f"the query form {type(node).__name__}")
        return rule(self, node, scope)
