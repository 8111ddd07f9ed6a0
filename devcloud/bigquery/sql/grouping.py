"""GROUP BY: expressions, positions, aliases, ALL, ROLLUP, CUBE and GROUPING SETS."""

from __future__ import annotations

from sqlglot import exp

from devcloud.bigquery.model import invalid_query, not_implemented
from devcloud.bigquery.sql.binder import Binder
from devcloud.bigquery.sql.clause_rules import check_no_literal
from devcloud.bigquery.sql.ordering import ordinal
from devcloud.bigquery.sql.scope import Scope
from devcloud.bigquery.sql.select_list import Item
from devcloud.bigquery.types import JSON

_SETS: dict[type[exp.Expr], str] = {exp.Rollup: "ROLLUP", exp.Cube: "CUBE", exp.GroupingSets: "GROUPING SETS"}


def bind_group(binder: Binder, group: exp.Expr | None, items: list[Item], scope: Scope) -> str:
    """` GROUP BY ...`; '' without one."""
    if group is None:
        return ""
    if group.args.get("all"):
        return " GROUP BY ALL"
    terms = [_term(binder, node, items, scope) for node in group.expressions]
    for key, word in (("rollup", "ROLLUP"), ("cube", "CUBE"), ("grouping_sets", "GROUPING SETS")):
        for node in group.args.get(key) or []:
            if isinstance(node, bool):
                raise not_implemented(f"GROUP BY ... WITH {word}")
            terms.append(_term(binder, node, items, scope))
    return f" GROUP BY {', '.join(terms)}"


def _term(binder: Binder, node: exp.Expr, items: list[Item], scope: Scope) -> str:
    if type(node) in _SETS:
        inner = ", ".join(_term(binder, child, items, scope) for child in node.expressions)
        return f"{_SETS[type(node)]} ({inner})"
    if isinstance(node, exp.Tuple):
        return f"({', '.join(_term(binder, child, items, scope) for child in node.expressions)})"
    if isinstance(node, exp.Paren):
        return f"({_term(binder, node.this, items, scope)})"
    at = ordinal(node, len(items), "GROUP BY")
    if at is None:
        check_no_literal(node, "GROUP BY")
    value = items[at].value if at is not None else binder.expr(node, scope)
    if value.type == JSON:
        raise invalid_query("Grouping by expressions of type JSON is not allowed")
    if at is not None and not _is_constant(value.sql):
        return value.sql
    if _is_constant(value.sql):
        # DuckDB reads a constant in GROUP BY as a position.
        return f"({value.sql})"
    return value.sql


def _is_constant(sql: str) -> bool:
    return sql.replace(".", "").isdigit()
