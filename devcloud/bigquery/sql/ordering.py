"""ORDER BY and LIMIT: NULLs come first ascending and last descending."""

from __future__ import annotations

from sqlglot import exp

from devcloud.bigquery.model import invalid_query, not_implemented
from devcloud.bigquery.sql.binder import Binder
from devcloud.bigquery.sql.clause_rules import check_limit, check_no_literal
from devcloud.bigquery.sql.scope import Scope
from devcloud.bigquery.sql.select_list import Item
from devcloud.bigquery.sql.typed import Typed
from devcloud.bigquery.types import FLOAT64, INT64, JSON


def direction(node: exp.Expr) -> str:
    """ASC or DESC, with NULLs first or last as the statement says, or else as in BigQuery."""
    nulls = "FIRST" if node.args.get("nulls_first") else "LAST"
    return f"{'DESC' if node.args.get('desc') else 'ASC'} NULLS {nulls}"


def order_terms(binder: Binder, order: exp.Expr | None, scope: Scope, *, one_key: bool = False) -> str:
    """` ORDER BY ...` of an aggregate or window; '' without one. `one_key` gives only the last key, for a frame."""
    if order is None:
        return ""
    keys = order_keys(binder, order, scope, ordinals=True)
    return " ORDER BY " + ", ".join(f"{key} {way}" for key, way in (keys[-1:] if one_key else keys))


def order_keys(binder: Binder, order: exp.Expr, scope: Scope, *, ordinals: bool = False) -> list[tuple[str, str]]:
    """The sort keys and their directions; with `ordinals` they may be literals."""
    keys = []
    for term in order.expressions:
        if not ordinals:
            check_no_literal(term.this, "ORDER BY")
        value = _orderable(binder.expr(term.this, scope))
        keys += _not_a_number_first(value, value.sql, term)
    return keys


def _not_a_number_first(value: Typed, key: str, term: exp.Expr) -> list[tuple[str, str]]:
    """The key and its direction. BigQuery sorts NaN below all numbers, DuckDB above them."""
    way = direction(term)
    if value.type != FLOAT64 or value.literal:
        return [(key, way)]
    turned = way.replace("ASC", "DESC") if way.startswith("ASC") else way.replace("DESC", "ASC")
    return [(f"isnan({value.sql})", turned), (key, way)]


def _orderable(value: Typed) -> Typed:
    if value.type == JSON or value.type.kind == "STRUCT" or value.type.element is not None:
        raise invalid_query(f"ORDER BY does not support expressions of type {value.type}")
    return value


def bind_order(
    binder: Binder, order: exp.Expr | None, items: list[Item], scope: Scope, *, output_only: bool = False
) -> str:
    """` ORDER BY ...` of a SELECT: positions, aliases, then anything in scope."""
    if order is None:
        return ""
    terms = []
    for term in order.expressions:
        if not isinstance(term, exp.Ordered):
            raise not_implemented(f"ORDER BY {term.sql('bigquery')}")
        value, key = _order_key(binder, term.this, items, scope, output_only)
        terms += [f"{text} {way}" for text, way in _not_a_number_first(value, key, term)]
    return f" ORDER BY {', '.join(terms)}"


def _order_key(binder: Binder, node: exp.Expr, items: list[Item], scope: Scope, output_only: bool) -> tuple[Typed, str]:
    at = ordinal(node, len(items), "ORDER BY")
    if at is None and isinstance(node, exp.Column) and not node.table:
        named = [n for n, item in enumerate(items) if item.alias.lower() == node.name.lower()]
        if len({items[n].value.sql for n in named}) > 1:
            raise invalid_query(f"Column name {node.name} is ambiguous")
        at = named[0] if named else None
    if at is not None:
        return _orderable(items[at].value), str(at + 1)
    check_no_literal(node, "ORDER BY")
    value = _orderable(binder.expr(node, scope))
    same = [n for n, item in enumerate(items) if item.value.sql == value.sql]
    if same:
        return value, str(same[0] + 1)
    if output_only:
        raise invalid_query("ORDER BY clause expression references a column which is not visible after SELECT DISTINCT")
    return value, value.sql


def ordinal(node: exp.Expr, count: int, clause: str) -> int | None:
    """The zero-based item a number in ORDER BY or GROUP BY means; None for anything else."""
    if not isinstance(node, exp.Literal) or node.args["is_string"]:
        return None
    at = int(node.name) if node.name.isdigit() else 0
    if not 1 <= at <= count:
        raise invalid_query(
            f"{clause} column number item is out of range. Column numbers must be between 1 and {count}"
        )
    return at - 1


def bind_limit(binder: Binder, node: exp.Expr) -> str:
    """` LIMIT n OFFSET m`."""
    text = ""
    if node.args.get("offset") is not None and node.args.get("limit") is None:
        raise invalid_query("Syntax error: Unexpected keyword OFFSET")
    for clause in ("limit", "offset"):
        given = node.args.get(clause)
        if given is not None:
            if not isinstance(given, (exp.Limit, exp.Offset)):
                raise not_implemented(f"the clause {given.sql('bigquery')}")
            check_limit(given.expression, clause.upper())
            value = binder.typed(given.expression, Scope(), INT64, clause.upper())
            text += f" {clause.upper()} {value.sql}"
    return text
