"""Date parts: truncates values to them, and counts them between two values."""

from __future__ import annotations

from sqlglot import exp

from devcloud.bigquery.model import invalid_query, not_implemented
from devcloud.bigquery.sql.functions.zones import local_of, moment_of
from devcloud.bigquery.types import DATE, TIMESTAMP, SqlType

PARTS = {
    "MICROSECOND": "to_microseconds",
    "MILLISECOND": "to_milliseconds",
    "SECOND": "to_seconds",
    "MINUTE": "to_minutes",
    "HOUR": "to_hours",
    "DAY": "to_days",
    "WEEK": "to_weeks",
    "MONTH": "to_months",
    "QUARTER": "to_quarters",
    "YEAR": "to_years",
}
_MICROSECONDS = {
    "MICROSECOND": 1,
    "MILLISECOND": 1_000,
    "SECOND": 1_000_000,
    "MINUTE": 60_000_000,
    "HOUR": 3_600_000_000,
    "DAY": 86_400_000_000,
}
_WEEKDAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
_TRUNCATED = ("MICROSECOND", "MILLISECOND", "SECOND", "MINUTE", "HOUR", "DAY", "MONTH", "QUARTER", "YEAR", "ISOYEAR")
_OTHERS = ("ISOWEEK", "DAYOFWEEK", "DAYOFYEAR", "DATE", "TIME", "DATETIME")


def part_of(node: exp.Expr) -> str:
    """The part that a name or WEEK(day) means, such as DAY or WEEK(MONDAY). WEEK alone is WEEK(SUNDAY)."""
    if isinstance(node, exp.Anonymous) and str(node.this).upper() == "WEEK" and len(node.expressions) == 1:
        day = node.expressions[0].name.upper()
        if day in _WEEKDAYS:
            return f"WEEK({day})"
    if isinstance(node, exp.WeekStart):
        return f"WEEK({node.name.upper()})"
    part = node.name.upper() if isinstance(node, (exp.Column, exp.Var, exp.Identifier)) else ""
    if part == "WEEK":
        return "WEEK(SUNDAY)"
    if part in _TRUNCATED or part in _OTHERS:
        return part
    raise invalid_query(f"A valid date part name is required but found {node.sql('bigquery')[:40]}")


def _week_shift(part: str) -> int | None:
    """Days from Monday to the first day of such a week; None if the part is no week."""
    if part == "ISOWEEK":
        return 0
    return _WEEKDAYS.index(part[5:-1]) if part.startswith("WEEK(") else None


def truncated(kind: SqlType, sql: str, part: str) -> str:
    """The value truncated to the part, of the same type; weeks begin on their day."""
    if kind == DATE and part in _MICROSECONDS and part != "DAY":
        raise invalid_query(f"DATE_TRUNC does not support the {part} date part")
    shift = _week_shift(part)
    local = f"timezone('UTC', {sql})" if kind == TIMESTAMP else sql
    if kind.kind == "TIME":
        if part not in ("MICROSECOND", "MILLISECOND", "SECOND", "MINUTE", "HOUR"):
            raise invalid_query(f"TIME_TRUNC does not support the {part} date part")
        return f"CAST(date_trunc('{part.lower()}', DATE '1970-01-01' + {sql}) AS TIME)"
    if shift is not None:
        text = f"(date_trunc('week', {local} - to_days({shift})) + to_days({shift}))"
    elif part in _TRUNCATED:
        text = f"date_trunc('{part.lower()}', {local})"
    else:
        raise invalid_query(f"Truncation does not support the {part} date part")
    return f"timezone('UTC', CAST({text} AS TIMESTAMP))" if kind == TIMESTAMP else f"CAST({text} AS {kind.duckdb})"


def truncated_with_zone(sql: str, part: str, zone: str) -> str:
    """A TIMESTAMP truncated in a time zone."""
    if part in _MICROSECONDS and part != "DAY":
        raise not_implemented(f"TIMESTAMP_TRUNC by {part} with a time zone")
    local = truncated(SqlType("DATETIME"), local_of(sql, zone), part)
    return moment_of(f"CAST({local} AS TIMESTAMP)", zone)


def units_between(kind: SqlType, end: str, start: str, part: str) -> str:
    """The number of parts from `start` to `end`: boundaries between them, or for TIMESTAMP elapsed whole units."""
    if kind == TIMESTAMP:
        if part not in _MICROSECONDS:
            raise invalid_query(f"TIMESTAMP_DIFF does not support the {part} date part")
        return f"((epoch_us({end}) - epoch_us({start})) // {_MICROSECONDS[part]})"
    if kind.kind == "TIME":
        if part not in _MICROSECONDS or part == "DAY":
            raise invalid_query(f"TIME_DIFF does not support the {part} date part")
        end, start = f"(DATE '1970-01-01' + {end})", f"(DATE '1970-01-01' + {start})"
    if _week_shift(part) is not None:
        days = f"date_diff('day', {truncated(kind, start, part)}, {truncated(kind, end, part)})"
        return f"({days} // 7)"
    if part not in _TRUNCATED or (kind == DATE and part in _MICROSECONDS and part != "DAY"):
        raise invalid_query(f"{kind}_DIFF does not support the {part} date part")
    return f"date_diff('{part.lower()}', {start}, {end})"
