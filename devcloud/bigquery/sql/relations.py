"""Rules for FROM: tables, subqueries, UNNEST and joins."""

from __future__ import annotations

from sqlglot import exp

from devcloud.bigquery.model import invalid_query, not_implemented
from devcloud.bigquery.partition_filter import PartitionFilter
from devcloud.bigquery.sql.binder import Binder
from devcloud.bigquery.sql.equality import equal
from devcloud.bigquery.sql.scope import Column, Elements, Relation, Scope, Source
from devcloud.bigquery.sql.tables import PARTITION_TIME, bind_table, partition_date
from devcloud.bigquery.sql.typed import Typed, quoted_names, unify
from devcloud.bigquery.types import INT64, SqlType


def bind_from(binder: Binder, node: exp.Expr, scope: Scope) -> str:
    """The text ` FROM ...` of a SELECT; '' without one. Adds the sources to `scope`."""
    clause = node.args.get("from_")
    if clause is None:
        return ""
    return " FROM " + join_all(binder, clause.this, node.args.get("joins") or [], scope)


def join_all(binder: Binder, first: exp.Expr, joins: list[exp.Expr], scope: Scope) -> str:
    """The text of a FROM item and the joins after it."""
    text = add(binder, first, scope)
    for join in [*(first.args.get("joins") or []), *joins]:
        text = f"{text} {_join(binder, join, scope)}"
    return text


def add(binder: Binder, node: exp.Expr, scope: Scope) -> str:
    """Add one FROM item to the scope and return its text."""
    if node.args.get("pivots") and not isinstance(node, exp.Paren):
        raise not_implemented("PIVOT and UNPIVOT")
    if isinstance(node, exp.Unnest):
        return _add_unnest(binder, node.expressions, node, scope)
    if isinstance(node, exp.Subquery):
        if isinstance(node.this, exp.Table):
            return f"({join_all(binder, node.this, node.this.args.get('joins') or [], scope)})"
        relation = binder.query(node, _without_alias(scope))
        return _add_relation(binder, relation, node.alias, scope)
    if isinstance(node, exp.Table):
        return _add_table(binder, node, scope)
    raise not_implemented(f"{type(node).__name__} in FROM")


def _without_alias(scope: Scope) -> Scope:
    """The scope of a subquery in FROM: it sees outer queries and the SELECT's WITH, but no other FROM items."""
    inner = Scope(parent=scope.parent)
    inner.ctes, inner.asked = dict(scope.ctes), list(scope.asked)
    return inner


def _add_table(binder: Binder, node: exp.Table, scope: Scope) -> str:
    for clause, words in (("version", "FOR SYSTEM_TIME AS OF"), ("sample", "TABLESAMPLE"), ("when", "FOR SYSTEM_TIME")):
        if node.args.get(clause):
            raise not_implemented(words)
    if not isinstance(node.this, exp.Identifier):
        raise not_implemented(f"the table function {node.sql('bigquery')[:60]}")
    parts = [part.name for part in node.parts]
    cte = scope.find_cte(parts[0]) if len(parts) == 1 else None
    if cte is not None:
        return _add_relation(binder, cte, node.alias or parts[0], scope, text=cte.sql)
    path = _correlated(parts, scope)
    if path is not None:
        return _add_unnest(binder, [path], node, scope)
    relation = bind_table(binder, parts)
    text, alias = relation.sql if relation.sql.startswith('"') else None, node.alias or parts[-1]
    if relation.resource and (demanded := PartitionFilter.demanded_by(relation.resource, alias=alias)):
        scope.demanded.append(demanded)
    return _add_relation(binder, relation, alias, scope, text=text)


def _correlated(parts: list[str], scope: Scope) -> exp.Column | None:
    """The path of `FROM t.array` if t is a range variable in scope; else None."""
    at: Scope | None = scope
    while at is not None and len(parts) > 1:
        if at.find_source(parts[0]) is not None:
            names = [exp.to_identifier(part) for part in parts]
            return exp.column(names[-1], *reversed(names[:-1]))
        at = at.parent
    return None


def _add_relation(binder: Binder, relation: Relation, alias: str, scope: Scope, *, text: str | None = None) -> str:
    name = binder.context.fresh("t")
    columns = [Column(c.name, c.type, f"{name}.{c.sql}", c.hidden) for c in relation.columns]
    columns += [partition_date(column) for column in columns if column.hidden and column.name == PARTITION_TIME]
    if relation.is_value and len(columns) == 1:
        scope.add_source(_value_source(alias, Typed(columns[0].sql, columns[0].type), []))
    else:
        names = ["" if at in relation.anonymous else column.name for at, column in enumerate(columns)]
        columns = [Column(n, c.type, c.sql, c.hidden) for n, c in zip(names, columns, strict=True)]
        scope.add_source(Source(alias, columns))
    return f"{text or f'({relation.sql})'} AS {name}"


def _value_source(alias: str, value: Typed, extra: list[Column]) -> Source:
    """A range variable over values: structs show their fields as columns too."""
    fields = []
    if value.type.kind == "STRUCT":
        names = zip(quoted_names(value.type), value.type.fields, strict=True)
        fields = [Column(name, kind, f"({value.sql}).{sql}") for sql, (name, kind) in names]
    return Source(alias, [*fields, *extra], value=value)


# UNNEST -----------------------------------------------------------------------------------------------------------


def add_element(binder: Binder, node: exp.Unnest, scope: Scope) -> Elements:
    """Add UNNEST's range variable to the scope of a subquery that is written as list functions."""
    array, kind = _array(binder, node.expressions[0], scope)
    elements = Elements(array.sql, binder.context.fresh("v"))
    scope.add_source(_value_source(_unnest_alias(node), Typed(elements.name, kind, is_json=array.is_json), []))
    return elements


def _array(binder: Binder, node: exp.Expr, scope: Scope) -> tuple[Typed, SqlType]:
    """The bound array and the type of its elements."""
    array = binder.expr(node, scope)
    if array.type.element is None:
        raise invalid_query(
            f"Values referenced in UNNEST must be arrays. UNNEST contains expression of type {array.type}"
        )
    return array, array.type.element


def _add_unnest(binder: Binder, arrays: list[exp.Expr], node: exp.Expr, scope: Scope) -> str:
    if len(arrays) != 1:
        raise not_implemented("UNNEST of several arrays")
    array, kind = _array(binder, arrays[0], scope)
    alias, name = _unnest_alias(node), binder.context.fresh("t")
    value = Typed(f"{name}.v", kind, is_json=array.is_json)
    offset = node.args.get("offset")
    extra = []
    if offset:
        label = offset.name if isinstance(offset, exp.Expr) and offset.name else "offset"
        extra.append(Column(label, INT64, f"{name}.o"))
    scope.add_source(_value_source(alias, value, []))
    if extra:
        # The offset is a range variable beside the value, not a field of it.
        scope.add_source(Source("", extra))
    return f"LATERAL ({_unnest_sql(array, bool(extra))}) AS {name}"


def _unnest_alias(node: exp.Expr) -> str:
    alias = node.args.get("alias")
    if alias is None:
        return node.name if isinstance(node, exp.Table) else ""
    columns = alias.args.get("columns") or []
    return str(columns[0].name if columns else alias.name)


def _unnest_sql(array: Typed, with_offset: bool) -> str:
    if not with_offset:
        return f"SELECT unnest({array.sql}) AS v"
    return f"SELECT unnest(a) AS v, generate_subscripts(a, 1) - 1 AS o FROM (SELECT {array.sql} AS a)"


# Joins ------------------------------------------------------------------------------------------------------------


def _join(binder: Binder, join: exp.Expr, scope: Scope) -> str:
    side, kind = str(join.args.get("side") or ""), str(join.args.get("kind") or "")
    if join.args.get("method") or kind not in ("", "CROSS", "INNER", "OUTER"):
        raise not_implemented(f"{join.args.get('method') or ''} {kind} JOIN".strip())
    before = list(scope.sources)
    text = add(binder, join.this, scope)
    nested = join.this.args.get("joins") if isinstance(join.this, exp.Table) else None
    for inner in nested or []:
        text = f"({text} {_join(binder, inner, scope)})"
    added = [source for source in scope.sources if source not in before]
    condition: str | None
    if join.args.get("using"):
        condition = " AND ".join(_merge(node.name, before, added, side, scope) for node in join.args["using"])
    else:
        on = join.args.get("on")
        scope.join_conditions += [on] if on is not None else []
        condition = None if on is None else binder.condition(on, scope, "JOIN ON clause")
    if condition is None and not side:
        return f"CROSS JOIN {text}"
    if condition is None and not isinstance(join.this, exp.Unnest):
        raise invalid_query(f"Syntax error: {side} JOIN must have an immediately following ON or USING clause")
    return f"{side or 'INNER'} JOIN {text} ON {condition or 'TRUE'}"


def _merge(name: str, before: list[Source], added: list[Source], side: str, scope: Scope) -> str:
    """The join condition of one USING column. The scope gets a single column for it."""
    lowered = name.lower()
    left = scope.using.get(lowered) or _only(name, before, "left")
    right = _only(name, added, "right")
    (a, b), kind = unify([Typed(left.sql, left.type), Typed(right.sql, right.type)], "operator =")
    merged = {"RIGHT": b.sql, "FULL": f"coalesce({a.sql}, {b.sql})"}.get(side, a.sql)
    scope.using[lowered] = Column(name, kind, merged)
    for source in [*before, *added]:
        source.merged |= {lowered}
    return equal(a, b)


def _only(name: str, sources: list[Source], which: str) -> Column:
    found = [column for source in sources if (column := source.find(name))]
    if len(found) != 1:
        problem = "is ambiguous" if found else "not found"
        raise invalid_query(f"Column {name} in USING clause {problem} on {which} side of join")
    return found[0]
