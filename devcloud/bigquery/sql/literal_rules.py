"""Rules for literals: numbers, text, bytes, booleans, NULL and JSON."""

from __future__ import annotations

from sqlglot import exp

from devcloud.bigquery.model import invalid_query, not_implemented
from devcloud.bigquery.sql.binder import Binder, expression
from devcloud.bigquery.sql.clause_rules import check_no_null
from devcloud.bigquery.sql.literals import bytes_sql, quote_text
from devcloud.bigquery.sql.registry import call
from devcloud.bigquery.sql.scope import Scope
from devcloud.bigquery.sql.typed import Typed
from devcloud.bigquery.types import BOOL, BYTES, FLOAT64, INT64, STRING

_INT64_MAX = 2**63 - 1


@expression(exp.Literal)
def bind_literal(_: Binder, node: exp.Expr, __: Scope) -> Typed:
    """A number or a string."""
    text = str(node.this)
    if node.args["is_string"]:
        return Typed(quote_text(text), STRING, literal=True, value=text)
    return number(text)


def number(text: str) -> Typed:
    """A number literal: INT64 or FLOAT64. Where a NUMERIC is needed, it is exact."""
    if text.lstrip("-").isdigit():
        if int(text) > _INT64_MAX + (text[0] == "-"):
            raise invalid_query(f"Invalid integer literal: {text}")
        return Typed(f"CAST({text} AS BIGINT)", INT64, literal=True, value=int(text))
    return Typed(f"CAST('{text}' AS DOUBLE)", FLOAT64, literal=True, value=text)


@expression(exp.Neg)
def bind_negative(binder: Binder, node: exp.Expr, scope: Scope) -> Typed:
    """-x, a literal when x is one."""
    inner = node.this
    check_no_null([inner], "-")
    if isinstance(inner, exp.Literal) and not inner.args["is_string"]:
        return number(f"-{inner.this}")
    return call("-", [binder.expr(inner, scope)], what="operator -")


@expression(exp.HexString)
def bind_hex(_: Binder, node: exp.Expr, __: Scope) -> Typed:
    """0x1F."""
    return number(str(int(str(node.this), 16)))


@expression(exp.RawString)
def bind_raw(_: Binder, node: exp.Expr, __: Scope) -> Typed:
    """r'...'."""
    text = str(node.this)
    return Typed(quote_text(text), STRING, literal=True, value=text)


@expression(exp.ByteString)
def bind_bytes(_: Binder, node: exp.Expr, __: Scope) -> Typed:
    """b'...': each byte is the character of its number (literal_text.py)."""
    return Typed(bytes_sql(str(node.this).encode("latin-1")), BYTES, literal=True)


@expression(exp.Boolean)
def bind_boolean(_: Binder, node: exp.Expr, __: Scope) -> Typed:
    """TRUE, FALSE."""
    return Typed("TRUE" if node.this else "FALSE", BOOL, literal=True)


@expression(exp.Null)
def bind_null(_: Binder, __: exp.Expr, ___: Scope) -> Typed:
    """NULL; it is an INT64 unless its context needs another type."""
    return Typed("CAST(NULL AS BIGINT)", INT64, literal=True, null=True)


@expression(exp.ParseJSON)
def bind_json(_: Binder, node: exp.Expr, __: Scope) -> Typed:
    """JSON '...'."""
    if not isinstance(node.this, exp.Literal):
        raise not_implemented("a member of a JSON literal: put it in parentheses")
    return call("PARSE_JSON", [Typed(quote_text(node.this.name), STRING, literal=True, value=node.this.name)])
