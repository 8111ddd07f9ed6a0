"""Rules of HAVING, QUALIFY and LIMIT that BigQuery enforces and DuckDB does not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlglot import exp

from devcloud.bigquery.model import invalid_query
from devcloud.bigquery.sql.expressions import position

_LITERALS = (exp.Literal, exp.Null, exp.Boolean, exp.RawString, exp.ByteString)


def check_having(node: exp.Expr) -> None:
    """Raises invalidQuery if HAVING has no groups, or uses values that are computed after grouping."""
    having = node.args.get("having")
    if having is None:
        return
    if not node.args.get("group") and not any(_aggregates(part) for part in [*node.expressions, having]):
        raise invalid_query("The HAVING clause requires GROUP BY or aggregation to be present")
    selected = {item.alias.lower(): item for item in node.expressions if isinstance(item, exp.Alias)}
    for column in _within(having, exp.Column):
        item = selected.get(column.name.lower()) if not column.args.get("table") else None
        if item is not None and any(_within(item, exp.Window)):
            what = f"Column {column.name} contains an analytic function, which is not allowed in HAVING clause"
            raise invalid_query(what + position(column.this))
        within_call = column.find_ancestor(exp.Anonymous)
        if item is not None and within_call is not None and _is_aggregate(within_call) and _aggregates(item):
            raise invalid_query(f"Aggregations of aggregations are not allowed{position(column.this)}")


def check_qualify(node: exp.Expr) -> None:
    """Raises invalidQuery for QUALIFY without a window function."""
    qualify = node.args.get("qualify")
    if qualify is not None and not any(any(_within(part, exp.Window)) for part in [*node.expressions, qualify]):
        raise invalid_query("The QUALIFY clause requires analytic function to be present")


def check_sources(node: exp.Expr) -> None:
    """Raises invalidQuery for a SELECT without FROM that has aggregates, or clauses that need rows."""
    if node.args.get("from_") is not None:
        return
    for clause in ("where", "group", "having", "qualify"):
        if node.args.get(clause) is not None:
            words = "GROUP BY" if clause == "group" else clause.upper()
            raise invalid_query(f"Query without FROM clause cannot have a {words} clause")
    for part in node.expressions:
        if any(_within(part, exp.Window)):
            raise invalid_query("Analytic function not allowed in SELECT without FROM clause")
        if _aggregates(part):
            raise invalid_query("Aggregate function not allowed in SELECT without FROM clause")


def check_limit(value: exp.Expr, clause: str) -> None:
    """Raises invalidQuery unless LIMIT or OFFSET is a parameter or a number that is not negative."""
    is_number = isinstance(value, exp.Literal) and not value.args["is_string"]
    if not is_number and not isinstance(value, (exp.Parameter, exp.Placeholder, exp.Column)):
        raise invalid_query(f"{clause} expects a non-negative integer literal or parameter")


def check_no_literal(node: exp.Expr, clause: str) -> None:
    """Raises invalidQuery for a literal in ORDER BY or GROUP BY that is not a column number."""
    bare = node.unnest()
    number = bare.this if isinstance(bare, exp.Neg) else bare
    if isinstance(number, exp.HexString) or (number is not bare and isinstance(number, exp.Literal)):
        raise invalid_query(f"{clause} column number item is out of range")
    is_number = isinstance(bare, exp.Literal) and not bare.args["is_string"]
    if isinstance(bare, _LITERALS) and not (is_number and bare is not node):
        raise invalid_query(f"Cannot {clause} literal values")


def check_order(node: exp.Expr) -> None:
    """Raises invalidQuery for an aggregate in ORDER BY if the SELECT has neither groups nor aggregates."""
    order, grouped = node.args.get("order"), node.args.get("group") or node.args.get("having")
    if order is None or grouped or any(_aggregates(part) for part in node.expressions):
        return
    if _aggregates(order):
        what = "The ORDER BY clause only allows aggregation if GROUP BY or SELECT list aggregation is present"
        raise invalid_query(what)


def check_no_null(operands: Iterable[exp.Expr], operator: str) -> None:
    """Raises invalidQuery for a literal NULL as an operand."""
    if any(isinstance(operand.unnest(), exp.Null) for operand in operands):
        raise invalid_query(f"Operands of {operator} cannot be literal NULL")


def _aggregates(part: exp.Expr) -> bool:
    calls = _within(part, exp.Anonymous)
    return any(_is_aggregate(call) and not isinstance(call.parent, exp.Window) for call in calls)


def _within(part: exp.Expr, *kinds: type[exp.Expr]) -> Iterator[exp.Expr]:
    """The nodes of these kinds that belong to the SELECT itself, not to a query inside it."""
    for node in part.walk(prune=lambda node: isinstance(node, exp.Query)):
        if isinstance(node, kinds):
            yield node


def _is_aggregate(call: exp.Expr) -> bool:
    from devcloud.bigquery.sql.functions.aggregates import AGGREGATES

    name = call.this if isinstance(call.this, str) else call.this.name
    return str(name).upper() in AGGREGATES
