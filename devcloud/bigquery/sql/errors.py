"""Translates DuckDB's errors into BigQuery's words."""

from __future__ import annotations

import re

import duckdb
from sqlglot.errors import ParseError, TokenError

from devcloud.bigquery.model import BigQueryError, invalid_query, not_implemented

_RULES = (
    (re.compile(r"Division by zero|division by zero", re.IGNORECASE), "division by zero"),
    (re.compile(r"More than one row returned by a subquery"), "Scalar subquery produced more than one element"),
    (re.compile(r"Overflow in (addition|subtraction|multiplication).*INT64"), "int64 overflow"),
    (re.compile(r"DECIMAL\(38|of DECIMAL"), "numeric overflow"),
    (re.compile(r"Unknown TimeZone '([^']*)'"), "Invalid time zone"),
)
_FALSE_ALARM = "Corrupted uncompressed string segment: dictionary offset"
_USER_ERROR = re.compile(r"^Invalid Input Error: (.*)", re.DOTALL)
# The errors that macros.sql raises by a failing cast, because DuckDB does not allow error() there.
_OWN_CAST = re.compile(r"""["']bq: (.*?)["'](?: to |, expected| when casting|\s*$)""", re.DOTALL | re.MULTILINE)


def is_conflict(error: duckdb.Error) -> bool:
    """Whether the error is a conflict with another transaction."""
    return isinstance(error, duckdb.TransactionException) or "Conflict on" in str(error) or "write-write" in str(error)


def is_false_alarm(error: BaseException | None) -> bool:
    """Whether DuckDB wrongly reports corruption. The same statement succeeds when it runs again.

    DuckDB 2.0 reads the size of a segment of strings while another transaction appends to it. It then takes the changed
    size for corruption.
    """
    return isinstance(error, duckdb.Error) and _FALSE_ALARM in str(error)


def translate(error: duckdb.Error) -> BigQueryError:
    """The BigQuery error that corresponds to an error of DuckDB at run time."""
    if is_false_alarm(error):
        return BigQueryError("backendError", f"try again: {str(error).splitlines()[0]}", status=503)
    return _for_good(error)


def _for_good(error: duckdb.Error) -> BigQueryError:
    text = str(error)
    own = _OWN_CAST.search(text) or _USER_ERROR.match(text)
    if own and own[1].startswith("notImplemented "):
        return not_implemented(own[1].removeprefix("notImplemented "))
    required = re.search(r"NOT NULL constraint failed: [^.]*\.(\S+)", text)
    if required:
        return invalid_query(f"Required field {required[1]} cannot be null")
    if "LIMIT/OFFSET cannot be negative" in text:
        return invalid_query("LIMIT and OFFSET expect a non-negative integer")
    if isinstance(error, (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException)):
        return _at_binding(text)
    for pattern, words in _RULES:
        if pattern.search(text):
            return invalid_query(own[1] if own and own[1].startswith(words) else f"{words}: {text.splitlines()[0]}")
    return invalid_query(own[1] if own else text.splitlines()[0])


def _at_binding(text: str) -> BigQueryError:
    """The error for a statement that DuckDB refuses: invalidQuery for bad grouping, else notImplemented."""
    if "GROUP BY" in text or "aggregate" in text or "window functions" in text.lower():
        return invalid_query(
            f"SELECT list expression references a column which is neither grouped nor aggregated: {text}"
        )
    return not_implemented(f"a construct DuckDB refuses: {text.splitlines()[0]}")


def syntax_error(error: ParseError | TokenError) -> BigQueryError:
    """BigQuery's syntax error, with its place in the text if the parser knows it."""
    if isinstance(error, ParseError) and error.errors:
        first = error.errors[0]
        word = first.get("highlight") or ""
        line, column = first.get("line") or 1, first.get("col") or 1
        return invalid_query(f'Syntax error: Unexpected "{word}" at [{line}:{max(1, column - len(word) + 1)}]')
    text = str(error)
    if "Missing" in text:
        return invalid_query("Syntax error: Unclosed string literal")
    return invalid_query(f"Syntax error: {text.splitlines()[0]}")
