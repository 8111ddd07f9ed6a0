"""UNION, INTERSECT and EXCEPT. The branches get common types, and the columns the names of the first branch."""

from __future__ import annotations

from sqlglot import exp

from devcloud.bigquery.model import invalid_query, not_implemented
from devcloud.bigquery.sql.binder import Binder
from devcloud.bigquery.sql.ordering import bind_limit, bind_order
from devcloud.bigquery.sql.scope import Column, Relation, Scope
from devcloud.bigquery.sql.select_list import Item
from devcloud.bigquery.sql.typed import Typed, convert, supertype
from devcloud.bigquery.types import JSON, SqlType

_WORDS: dict[type[exp.Expr], str] = {exp.Union: "UNION", exp.Intersect: "INTERSECT", exp.Except: "EXCEPT"}


def bind_set_operation(binder: Binder, node: exp.Expr, scope: Scope) -> Relation:
    """A set operation with the ORDER BY and LIMIT of its whole result."""
    if node.args.get("by_name") or node.args.get("side") or node.args.get("kind") or node.args.get("on"):
        raise not_implemented("set operations BY NAME or CORRESPONDING")
    distinct = node.args.get("distinct")
    if isinstance(node, (exp.Intersect, exp.Except)) and not distinct:
        raise invalid_query(f"{_WORDS[type(node)]} must be followed by DISTINCT")
    branches = [binder.query(branch, _branch_scope(scope)) for branch in (node.this, node.expression)]
    common = _common_types(branches, node)
    if distinct and any(kind == JSON for kind in common):
        raise invalid_query(f"A column of type JSON does not support {_WORDS[type(node)]} DISTINCT")
    texts = [_conform(binder, branch, common) for branch in branches]
    word = f"{_WORDS[type(node)]} {'DISTINCT' if distinct else 'ALL'}"
    columns = [Column(c.name, kind, c.sql) for c, kind in zip(branches[0].columns, common, strict=True)]
    sql = f" {word} ".join(texts)
    items = [Item(c.name, Typed(c.sql, c.type)) for c in columns]
    order = bind_order(binder, node.args.get("order"), items, _output_scope(items, scope), output_only=True)
    return Relation(f"{sql}{order}{bind_limit(binder, node)}", columns, branches[0].anonymous)


def _branch_scope(scope: Scope) -> Scope:
    branch = Scope(parent=scope.parent)
    branch.ctes = scope.ctes
    return branch


def _output_scope(items: list[Item], scope: Scope) -> Scope:
    output = Scope(parent=scope.parent)
    output.aliases = {item.alias.lower(): item.value for item in items}
    return output


def _common_types(branches: list[Relation], node: exp.Expr) -> list[SqlType]:
    left, right = branches
    if len(left.columns) != len(right.columns):
        raise invalid_query(
            f"Queries in {_WORDS[type(node)]} have mismatched column count; "
            f"query 1 has {len(left.columns)} column(s), query 2 has {len(right.columns)} column(s)"
        )
    return [_common(branches, at, node) for at in range(len(left.columns))]


def _common(branches: list[Relation], at: int, node: exp.Expr) -> SqlType:
    typed = [branch.values[at] if branch.values else Typed("", branch.columns[at].type) for branch in branches]
    common = supertype(typed)
    if common is None:
        kinds = ", ".join(str(value.type) for value in typed)
        raise invalid_query(f"Column {at + 1} in {_WORDS[type(node)]} has incompatible types: {kinds}")
    return common


def _conform(binder: Binder, branch: Relation, common: list[SqlType]) -> str:
    if all(column.type == kind for column, kind in zip(branch.columns, common, strict=True)):
        return f"({branch.sql})"
    alias = binder.context.fresh("q")
    parts = [
        f"{_as(f'{alias}.{column.sql}', column.type, kind)} AS {column.sql}"
        for column, kind in zip(branch.columns, common, strict=True)
    ]
    return f"(SELECT {', '.join(parts)} FROM ({branch.sql}) AS {alias})"


def _as(sql: str, source: SqlType, target: SqlType) -> str:
    if source == target:
        return sql
    if source.kind == "STRING":
        from devcloud.bigquery.sql.casts import cast

        return cast(Typed(sql, source), target).sql
    if source.is_numeric and target.is_numeric:
        return convert(sql, source, target)
    return f"CAST({sql} AS {target.duckdb})"
