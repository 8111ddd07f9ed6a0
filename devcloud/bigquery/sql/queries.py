"""Rules for SELECT: its list, grouping, windows, ordering and limits; and for WITH and set operations."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from devcloud.bigquery.model import invalid_query, not_implemented
from devcloud.bigquery.sql.binder import Binder, query
from devcloud.bigquery.sql.clause_rules import check_having, check_order, check_qualify, check_sources
from devcloud.bigquery.sql.folding import is_volatile
from devcloud.bigquery.sql.grouping import bind_group
from devcloud.bigquery.sql.ordering import bind_limit, bind_order
from devcloud.bigquery.sql.relations import bind_from
from devcloud.bigquery.sql.scope import Asked, Column, Relation, Scope
from devcloud.bigquery.sql.select_list import Item, expand
from devcloud.bigquery.sql.set_operations import bind_set_operation
from devcloud.bigquery.sql.typed import quoted_names
from devcloud.bigquery.types import JSON, quoted, struct_of, unique_names


@query(exp.Subquery)
def bind_subquery(binder: Binder, node: exp.Expr, scope: Scope) -> Relation:
    """(query), with the clauses that may follow the parenthesis."""
    if any(node.args.get(clause) for clause in ("order", "limit", "offset")):
        inner = exp.select("*").from_(exp.Subquery(this=node.this, alias=exp.TableAlias(this=exp.to_identifier("_q"))))
        for clause in ("order", "limit", "offset", "with_"):
            inner.set(clause, node.args.get(clause))
        return bind_select(binder, inner, scope)
    return with_ctes(binder, node, scope, lambda: binder.query(node.this, scope))


@query(exp.Union, exp.Intersect, exp.Except)
def bind_union(binder: Binder, node: exp.Expr, scope: Scope) -> Relation:
    """UNION, INTERSECT, EXCEPT."""
    return with_ctes(binder, node, scope, lambda: bind_set_operation(binder, node, scope))


@query(exp.Select)
def bind_select(binder: Binder, node: exp.Expr, scope: Scope) -> Relation:
    """SELECT."""
    return with_ctes(binder, node, scope, lambda: _select(binder, node, scope))


def _select(binder: Binder, node: exp.Expr, scope: Scope) -> Relation:
    check_sources(node)
    check_having(node)
    check_qualify(node)
    check_order(node)
    source = bind_from(binder, node, scope)
    where = node.args.get("where")
    where_sql = f" WHERE {binder.condition(where.this, scope, 'WHERE clause')}" if where else ""
    for demanded in scope.demanded:
        demanded.check([*scope.join_conditions, *([where.this] if where else [])], inside=node)
    for window in node.args.get("windows") or []:
        scope.windows[window.name.lower()] = window
    items = expand(binder, node.expressions, scope)
    for item in items:
        if item.alias:
            scope.aliases[item.alias.lower()] = item.value
    group_sql = bind_group(binder, node.args.get("group"), items, scope)
    tail = _condition(binder, node, "having", scope) + _condition(binder, node, "qualify", scope)
    distinct = node.args.get("distinct")
    if distinct is not None and distinct.args.get("on"):
        raise not_implemented("SELECT DISTINCT ON")
    if distinct is not None:
        for item in items:
            if item.value.type == JSON:
                raise invalid_query(f"Column {item.alias} of type JSON cannot be used in SELECT DISTINCT")
    order = bind_order(binder, node.args.get("order"), items, scope, output_only=bool(distinct))
    limit = bind_limit(binder, node)
    columns, listed = _output(items)
    head = f"SELECT {'DISTINCT ' if distinct else ''}{listed}"
    relation = Relation(f"{head}{source}{where_sql}{group_sql}{tail}{order}{limit}", columns)
    relation.values = [item.value for item in items]
    relation.anonymous = frozenset(at for at, item in enumerate(items) if not item.alias)
    return _as_kind(binder, relation, node.args.get("kind"))


def _condition(binder: Binder, node: exp.Expr, clause: str, scope: Scope) -> str:
    condition = node.args.get(clause)
    if condition is None:
        return ""
    return f" {clause.upper()} {binder.condition(condition.this, scope, f'{clause.upper()} clause')}"


def _output(items: list[Item]) -> tuple[list[Column], str]:
    anonymous = iter(range(len(items)))
    names = [item.alias or f"f{next(anonymous)}_" for item in items]
    physical = [quoted(name) for name in unique_names(names)]
    columns = [Column(name, item.value.type, sql) for name, item, sql in zip(names, items, physical, strict=True)]
    return columns, ", ".join(f"{item.value.sql} AS {sql}" for item, sql in zip(items, physical, strict=True))


def _as_kind(binder: Binder, relation: Relation, kind: object) -> Relation:
    """SELECT AS STRUCT and AS VALUE: rows that are one value."""
    if not kind:
        return relation
    if str(kind).upper() == "VALUE":
        if len(relation.columns) != 1:
            raise invalid_query("SELECT AS VALUE query must have exactly one column")
        return Relation(relation.sql, relation.columns, frozenset([0]), is_value=True)
    alias = binder.context.fresh("q")
    names = ["" if at in relation.anonymous else column.name for at, column in enumerate(relation.columns)]
    struct = struct_of(list(zip(names, (column.type for column in relation.columns), strict=True)))
    parts = zip(quoted_names(struct), relation.columns, strict=True)
    packed = ", ".join(f"{name} := {alias}.{column.sql}" for name, column in parts)
    sql = f'SELECT struct_pack({packed}) AS "value" FROM ({relation.sql}) AS {alias}'
    return Relation(sql, [Column("", struct, '"value"')], frozenset([0]), is_value=True)


# WITH -------------------------------------------------------------------------------------------------------------


def with_ctes(binder: Binder, node: exp.Expr, scope: Scope, bind: Callable[[], Relation]) -> Relation:
    """The relation `bind` makes, under the WITH queries of `node`."""
    clause = node.args.get("with_")
    if clause is None:
        return bind()
    texts: list[str] = []
    names: set[str] = set()
    for cte in clause.expressions:
        if cte.alias.lower() in names:
            raise invalid_query(f"Duplicate alias {cte.alias} for WITH subquery")
        names.add(cte.alias.lower())
        if clause.args.get("recursive") and isinstance(cte.this, exp.Union) and _mentions(cte.this, cte.alias):
            texts.append(_recursive(binder, cte, scope))
        else:
            texts += _cte(binder, cte, scope)
    relation = bind()
    if not texts:
        return relation
    word = "WITH RECURSIVE" if clause.args.get("recursive") else "WITH"
    relation.sql = f"{word} {', '.join(texts)} {relation.sql}"
    return relation


def _cte(binder: Binder, cte: exp.Expr, scope: Scope) -> list[str]:
    """The text of the WITH query; none if an equal one exists, because binding takes longer than running."""
    is_constant = not binder.context.positional and not is_volatile(cte.this)
    known = scope.find_asked(cte.this) if is_constant else None
    if known is not None:
        scope.ctes[cte.alias.lower()] = known
        return []
    reads = {table.name.lower(): scope.find_cte(table.name) for table in cte.find_all(exp.Table)}
    relation = binder.query(cte.this, scope.child())
    name = binder.context.fresh("cte")
    made = scope.ctes[cte.alias.lower()] = Relation(name, relation.columns, relation.anonymous, relation.is_value)
    if is_constant:
        scope.asked.append(Asked(cte.this, reads, made))
    return [f"{name} AS ({relation.sql})"]


def _mentions(node: exp.Expr, name: str) -> bool:
    return any(table.name.lower() == name.lower() and not table.db for table in node.find_all(exp.Table))


def _recursive(binder: Binder, cte: exp.Expr, scope: Scope) -> str:
    union = cte.this
    if union.args.get("distinct"):
        raise not_implemented("WITH RECURSIVE with UNION DISTINCT")
    base = binder.query(union.this, scope.child())
    name = binder.context.fresh("cte")
    scope.ctes[cte.alias.lower()] = Relation(name, base.columns)
    step = binder.query(union.expression, scope.child())
    pairs = zip(base.columns, step.columns, strict=True)
    if len(base.columns) != len(step.columns) or any(a.type != b.type for a, b in pairs):
        raise not_implemented("WITH RECURSIVE whose terms differ in type")
    return f"{name} AS ({base.sql} UNION ALL {step.sql})"
