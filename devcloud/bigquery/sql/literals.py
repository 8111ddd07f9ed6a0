"""Literals of dates, times and timestamps: read as BigQuery reads them, written as DuckDB reads them."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import TypeVar
from zoneinfo import ZoneInfo

from devcloud.bigquery.model import invalid_query
from devcloud.bigquery.types import SqlType

_T = TypeVar("_T")
_DATE = r"(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})"
_TIME = r"(?P<hour>\d{1,2}):(?P<minute>\d{1,2})(?::(?P<second>\d{1,2})(?:\.(?P<fraction>\d{0,6}))?)?"
_OFFSET = re.compile(r"(?:(?P<sign>[+-])(?P<hours>\d{1,2})(?::?(?P<minutes>\d{2}))?)")
_DATE_ONLY = re.compile(_DATE)
_TIME_ONLY = re.compile(_TIME)
_DATETIME = re.compile(f"{_DATE}(?:[ tT]{_TIME})?")
_TIMESTAMP = re.compile(f"{_DATE}(?:[ tT]{_TIME})?(?P<zone> ?[zZ]| ?[+-][0-9:]+| [A-Za-z_]+(?:/[A-Za-z_]+)*)?")


def quote_text(text: str) -> str:
    """A DuckDB string literal."""
    return "'" + text.replace("'", "''") + "'"


def from_text(text: str, kind: SqlType) -> str:
    """The DuckDB literal of that type for a string literal coerced or cast to it; raises invalidQuery."""
    return PARSERS[kind.kind](text.strip() if kind.kind != "BYTES" else text)


def zone(name: str) -> timezone | ZoneInfo:
    """A time zone by name or offset; raises BigQuery's invalidQuery for an unknown one."""
    match = _OFFSET.fullmatch(name)
    if match:
        offset = timedelta(hours=int(match["hours"]), minutes=int(match["minutes"] or 0))
        return timezone(-offset if match["sign"] == "-" else offset)
    if name.upper() in ("UTC", "Z"):
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise invalid_query(f"Invalid time zone: {name}") from error


def _parts(match: re.Match[str]) -> tuple[int, int, int, int]:
    fraction = (match["fraction"] or "").ljust(6, "0")
    return int(match["hour"] or 0), int(match["minute"] or 0), int(match["second"] or 0), int(fraction or 0)


def _read(pattern: re.Pattern[str], text: str, kind: str, build: Callable[[re.Match[str]], _T]) -> _T:
    match = pattern.fullmatch(text)
    if match:
        with suppress(ValueError, OverflowError):  # month 13, for example, is invalid
            return build(match)
    raise invalid_query(f'Could not cast literal "{text}" to type {kind}')


def _day(match: re.Match[str]) -> date:
    return date(int(match["year"]), int(match["month"]), int(match["day"]))


def _moment(match: re.Match[str]) -> datetime:
    return datetime.combine(_day(match), time(*_parts(match)))


def parse_timestamp(text: str, default_zone: str = "UTC") -> datetime:
    """The UTC moment of a timestamp literal; raises invalidQuery."""

    def build(match: re.Match[str]) -> datetime:
        local = _moment(match).replace(tzinfo=zone((match["zone"] or default_zone).strip()))
        return local.astimezone(UTC)

    return _read(_TIMESTAMP, text, "TIMESTAMP", build)


def _date_sql(text: str) -> str:
    return f"DATE '{_read(_DATE_ONLY, text, 'DATE', _day).isoformat()}'"


def _time_sql(text: str) -> str:
    return f"TIME '{_read(_TIME_ONLY, text, 'TIME', lambda m: time(*_parts(m))).isoformat()}'"


def _datetime_sql(text: str) -> str:
    return f"TIMESTAMP '{_read(_DATETIME, text, 'DATETIME', _moment).isoformat(' ')}'"


def timestamp_sql(moment: datetime) -> str:
    """A DuckDB TIMESTAMPTZ literal."""
    return f"TIMESTAMPTZ '{moment.astimezone(UTC).replace(tzinfo=None).isoformat(' ')}+00'"


def bytes_sql(value: bytes) -> str:
    """A DuckDB BLOB literal."""
    return f"from_hex('{value.hex()}')"


PARSERS: dict[str, Callable[[str], str]] = {
    "DATE": _date_sql,
    "TIME": _time_sql,
    "DATETIME": _datetime_sql,
    "TIMESTAMP": lambda text: timestamp_sql(parse_timestamp(text)),
    "BYTES": lambda text: bytes_sql(text.encode()),
}
