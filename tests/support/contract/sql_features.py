"""Finds the functions and constructs of a piece of GoogleSQL, to match recorded cases with the product's SQL."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from sqlglot import exp

from devcloud.bigquery.model import BigQueryError
from devcloud.bigquery.sql.script import Assertion, parse

_CONSTRUCTS: dict[type[exp.Expr], str] = {
    exp.Merge: "MERGE",
    exp.Insert: "INSERT",
    exp.Update: "UPDATE",
    exp.Delete: "DELETE",
    exp.Create: "CREATE",
    exp.Cast: "CAST",
    exp.TryCast: "SAFE_CAST",
    exp.Case: "CASE",
    exp.If: "IF",
    exp.Window: "OVER",
    exp.Qualify: "QUALIFY",
    exp.CTE: "WITH",
    exp.Unnest: "UNNEST",
    exp.Union: "UNION",
    exp.Intersect: "INTERSECT",
    exp.Except: "EXCEPT",
    exp.Extract: "EXTRACT",
    exp.Div: "/",
    exp.Mul: "*",
    exp.Like: "LIKE",
    exp.Between: "BETWEEN",
    exp.Having: "HAVING",
    exp.Exists: "EXISTS",
    exp.Join: "JOIN",
    exp.Distinct: "DISTINCT",
    exp.Bracket: "[]",
    exp.Parameter: "@parameter",
    exp.Pivot: "PIVOT",
    exp.Alter: "ALTER",
    exp.TruncateTable: "TRUNCATE",
}
_TAKE_INTERVALS = (exp.Anonymous, exp.Add, exp.Sub)
_NAMED = re.compile(r"^-- name: ", re.MULTILINE)
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


def features(*parts: str) -> frozenset[str]:
    """The functions (`NAME()`) and constructs of a script's parts; none at all when one does not parse."""
    found = [_of_part(part) if part.strip() else frozenset() for part in parts]
    return frozenset[str]().union(*(each or () for each in found)) if None not in found else frozenset()


@cache
def _of_part(sql: str) -> frozenset[str] | None:
    try:
        statements = parse(sql)
    except BigQueryError:
        return None
    found: set[str] = set()
    for statement in statements:
        tree = statement.tree.condition if isinstance(statement.tree, Assertion) else statement.tree
        for node in tree.walk():
            if isinstance(node, exp.Anonymous):
                found.add(f"{str(node.this).upper()}()")
            elif isinstance(node, exp.Interval) and not isinstance(node.parent, _TAKE_INTERVALS):
                found.add("INTERVAL as a value")
            elif isinstance(node, exp.DataType):
                found.add(f"type {node.this.name}")
            elif isinstance(node, exp.Table):
                found |= _of_table(node)
            elif type(node) in _CONSTRUCTS:
                found.add(_CONSTRUCTS[type(node)])
    return frozenset(found)


def _of_table(node: exp.Table) -> set[str]:
    found = {"PIVOT"} if node.args.get("pivots") else set()
    if "INFORMATION_SCHEMA" in node.name.upper():
        found.add(node.name.upper())
    return found


def product_statements(root: Path) -> list[str]:
    """Every named statement of the product, its dataset placeholders filled."""
    files = [*sorted((root / "shared" / "sql").rglob("*.sql")), *sorted((root / "configs").rglob("*.sql"))]
    texts = [part for path in files for part in _NAMED.split(path.read_text())]
    # The statement follows the name's line, which is a comment.
    return [_PLACEHOLDER.sub(r"\1", f"-- {text}") for text in texts if text.strip()]


@cache
def product_features(root: Path) -> frozenset[str]:
    """All functions and constructs of the product's SQL."""
    return frozenset().union(*(features(text) for text in product_statements(root)))
