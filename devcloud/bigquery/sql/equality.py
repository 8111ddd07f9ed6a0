"""GoogleSQL's equality where it differs from DuckDB's: NaN equals nothing, and structs are compared by fields.

If a field of a struct is NULL, the comparison is NULL, unless another field differs:
https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types#comparison_operator_examples
"""

from __future__ import annotations

from collections.abc import Sequence

from devcloud.bigquery.model import invalid_query
from devcloud.bigquery.sql.typed import Typed, quoted_names
from devcloud.bigquery.types import FLOAT64, JSON, SqlType


def equal(left: Typed, right: Typed) -> str:
    """The DuckDB text of `left = right` for two values of one type."""
    if left.type.kind == "STRUCT":
        pairs = zip(_fields(left), _fields(right), strict=True)
        return f"({' AND '.join(equal(a, b) for a, b in pairs)})"
    if left.type == FLOAT64:
        return number_comparison("=", 0, (left, right))
    return f"({left.sql} = {right.sql})"


def unequal(left: Typed, right: Typed) -> str:
    """The DuckDB text of `left != right` for two values of one type."""
    return f"(NOT {equal(left, right)})" if is_by_parts(left.type) else f"({left.sql} != {right.sql})"


def is_by_parts(kind: SqlType) -> bool:
    """Whether DuckDB's equality for the type differs from GoogleSQL's."""
    return kind == FLOAT64 or kind.kind == "STRUCT"


def number_comparison(sign: str, at: int, given: Sequence[Typed]) -> str:
    """A comparison that is false if the FLOAT64 at `at` is NaN. In DuckDB NaN equals itself and is the largest."""
    text = f"({given[0].sql} {sign} {given[1].sql})"
    is_number = given[at].value is not None or (sign == "=" and given[1].value is not None)
    if is_number:
        return text
    return f"({text} AND (NOT isnan({given[at].sql}) OR {given[1 - at].sql} IS NULL AND NULL))"


def among(value: Typed, others: Sequence[Typed]) -> str:
    """`value IN (others)`, all of one type."""
    if is_by_parts(value.type):
        return f"({' OR '.join(equal(value, other) for other in others)})"
    return f"({value.sql} IN ({', '.join(other.sql for other in others)}))"


def among_rows(value: Typed, other: Typed, rows: str) -> str:
    """`value IN (SELECT other FROM rows)`, both of one type."""
    if value.type == FLOAT64:
        return f"({value.sql} IN (SELECT {other.sql} FROM {rows} WHERE NOT coalesce(isnan({other.sql}), FALSE)))"
    if value.type.kind != "STRUCT":
        return f"({value.sql} IN (SELECT {other.sql} FROM {rows}))"
    same = equal(value, other)
    known = f"count(*) = count({same})"
    return f"(SELECT CASE WHEN coalesce(bool_or({same}), FALSE) THEN TRUE WHEN {known} THEN FALSE END FROM {rows})"


def null_if(value: Typed, other: Typed) -> str:
    """NULLIF(value, other), both of one type."""
    if is_by_parts(value.type):
        return f"CASE WHEN {equal(value, other)} THEN NULL ELSE {value.sql} END"
    return f"nullif({value.sql}, {other.sql})"


def check_comparable(value: Typed, what: str, *, for_order: bool = False) -> None:
    """Raises invalidQuery if BigQuery cannot compare values of this type, or with `for_order` cannot order them."""
    if (not value.null or value.value == ()) and not _is_comparable(value.type, for_order=for_order):
        raise invalid_query(f"{what} is not defined for arguments of type {value.type}")


def _is_comparable(kind: SqlType, *, for_order: bool) -> bool:
    if kind.kind == "STRUCT":
        return not for_order and all(_is_comparable(field, for_order=False) for _, field in kind.fields)
    return kind != JSON and kind.element is None


def _fields(value: Typed) -> list[Typed]:
    parts = value.parts or [f"({value.sql}).{name}" for name in quoted_names(value.type)]
    return [Typed(part, kind) for part, (_, kind) in zip(parts, value.type.fields, strict=True)]
