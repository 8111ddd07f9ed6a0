"""The SELECT list: expands stars, and binds and names every item."""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp

from devcloud.bigquery.model import invalid_query
from devcloud.bigquery.sql.binder import Binder
from devcloud.bigquery.sql.expressions import field_of
from devcloud.bigquery.sql.scope import Scope, Source
from devcloud.bigquery.sql.typed import Typed


@dataclass(frozen=True)
class Item:
    """One output column: its name ('' when it has none) and value."""

    alias: str
    value: Typed


def expand(binder: Binder, nodes: list[exp.Expr], scope: Scope) -> list[Item]:
    """The items of a SELECT list."""
    items: list[Item] = []
    for node in nodes:
        star = _star(node)
        if star is None:
            items.append(_single(binder, node, scope))
        else:
            items += _modified(binder, star, _starred(binder, node, scope), scope)
    if not items:
        raise invalid_query("SELECT list must not be empty")
    return items


def _single(binder: Binder, node: exp.Expr, scope: Scope) -> Item:
    if isinstance(node, exp.Alias):
        return Item(node.alias, binder.expr(node.this, scope))
    value = binder.expr(node, scope)
    # Only a path gives its last name to the column.
    named = isinstance(node.unnest(), (exp.Column, exp.Dot))
    return Item(value.name if named else "", value)


def _star(node: exp.Expr) -> exp.Star | None:
    if isinstance(node, exp.Star):
        return node
    if isinstance(node, exp.Column) and isinstance(node.this, exp.Star):
        return node.this
    if isinstance(node, exp.Dot) and isinstance(node.expression, exp.Star):
        return node.expression
    return None


def _starred(binder: Binder, node: exp.Expr, scope: Scope) -> list[Item]:
    if isinstance(node, exp.Star):
        if not scope.sources:
            raise invalid_query("SELECT * must have a FROM clause")
        return _all(scope)
    if isinstance(node, exp.Column) and not node.args.get("db"):
        source = scope.find_source(node.table)
        if source is not None and source.value is None:
            return _columns(source)
    inner = exp.Column(this=node.args["table"]) if isinstance(node, exp.Column) else node.this
    if isinstance(node, exp.Column) and node.args.get("db"):
        inner = exp.Column(this=node.args["table"], table=node.args["db"])
    value = binder.expr(inner, scope)
    if value.type.kind != "STRUCT":
        raise invalid_query(f"Dot-star is not supported for type {value.type}")
    return [Item(name, field_of(value, name)) for name, _ in value.type.fields]


def _all(scope: Scope) -> list[Item]:
    items = [Item(column.name, Typed(column.sql, column.type)) for column in scope.using.values()]
    for source in scope.sources:
        items += [item for item in _columns(source) if item.alias.lower() not in source.merged]
    return items


def _columns(source: Source) -> list[Item]:
    if source.value is not None and source.value.type.kind != "STRUCT":
        shown = [Item(source.alias, source.value)]
        return shown + [Item(c.name, Typed(c.sql, c.type)) for c in source.columns if not c.hidden]
    return [Item(column.name, Typed(column.sql, column.type)) for column in source.columns if not column.hidden]


def _modified(binder: Binder, star: exp.Star, items: list[Item], scope: Scope) -> list[Item]:
    """Apply EXCEPT and REPLACE."""
    excluded = {node.name.lower() for node in star.args.get("except_") or star.args.get("except") or []}
    replaced = {node.alias.lower(): node.this for node in star.args.get("replace") or []}
    known = {item.alias.lower() for item in items}
    for name in [*excluded, *replaced]:
        if name not in known:
            raise invalid_query(f"Column {name} in SELECT * EXCEPT/REPLACE list does not exist")
    if star.args.get("rename"):
        raise invalid_query("Syntax error: Unexpected keyword RENAME")
    return [
        Item(item.alias, binder.expr(replaced[item.alias.lower()], scope)) if item.alias.lower() in replaced else item
        for item in items
        if item.alias.lower() not in excluded
    ]
