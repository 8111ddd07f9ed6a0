"""Converts JSON and CSV values to typed columns as BigQuery does. Exact columns get exact values."""

from __future__ import annotations

import base64
import datetime as dt
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, localcontext
from functools import partial
from typing import Any

from devcloud.bigquery.model import BigQueryError, Json
from devcloud.bigquery.sql.literals import parse_timestamp

Decoder = Callable[[Any], Any]
_NUMERIC_LIMIT = Decimal(10) ** 29
_NUMERIC_UNIT = Decimal("1e-9")
_TRUE, _FALSE = frozenset({"true", "t", "yes", "y", "1"}), frozenset({"false", "f", "no", "n", "0"})
_UNREADABLE = (ValueError, TypeError, AttributeError, ArithmeticError, BigQueryError)
_INTEGER = re.compile(r"[+-]?\d+(\.0*)?")
_DATE = re.compile(r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})", re.ASCII)
_TIME = re.compile(r"\d{1,2}:\d{1,2}:\d{1,2}(\.\d{1,6})?", re.ASCII)
_WIDE = re.compile(r"[0-9]{19}")


class ValueProblem(ValueError):
    """A value that does not fit its column; `field` is the dotted path of the column."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field, self.message = field, message


class ExactFloat(float):
    """A JSON number that keeps its digits, so that a NUMERIC gets these digits instead of the nearest double."""

    def __init__(self, text: str) -> None:
        self.text = text


def parse_json(text: str | bytes) -> Any:
    """JSON whose fractions keep their digits."""
    return json.loads(text, parse_float=ExactFloat)


@dataclass(frozen=True)
class Reading:
    """The options by which values are read.

    `json_text` says that a string for a JSON column is JSON text (insertAll, CSV), not a JSON string (NDJSON).
    `time_zone` is the zone of a TIMESTAMP that names none.
    """

    ignore_unknown: bool = False
    json_text: bool = False
    time_zone: str = "UTC"


def row_decoder(
    fields: list[Json], reading: Reading, *, prefix: str = ""
) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Turns an object into the row of these fields, by name; raises ValueProblem."""
    decoders = {f["name"]: _field_decoder(f, reading, prefix + f["name"]) for f in fields}
    by_lower = {name.lower(): name for name in decoders}

    def decode(row: dict[str, Any]) -> dict[str, Any]:
        if not isinstance(row, dict):
            raise ValueProblem(prefix.rstrip("."), "This field is a record: an object is expected.")
        given: dict[str, Any] = {}
        for key, value in row.items():
            name = key if key in decoders else by_lower.get(key.lower())
            if name is not None:
                given[name] = value
            elif not reading.ignore_unknown:
                raise ValueProblem(prefix + key, f"no such field: {prefix}{key}.")
        return {name: decoder(given.get(name)) for name, decoder in decoders.items()}

    return decode


def _field_decoder(field: Json, reading: Reading, path: str) -> Decoder:
    mode = field["mode"]
    if field["type"] == "RECORD":
        one: Decoder = row_decoder(field["fields"], reading, prefix=f"{path}.")
    else:
        one = _scalar_decoder(field["type"], path, reading)

    def decode(value: Any) -> Any:
        if value is None:
            if mode == "REQUIRED":
                raise ValueProblem(path, f"Missing required field: {path}.")
            return None
        return one(value)

    def decode_all(values: Any) -> list[Any]:
        if values is None:
            return []
        if not isinstance(values, list):
            raise ValueProblem(path, f"Repeated field {path} must be an array.")
        if None in values:
            raise ValueProblem(path, f"Only optional fields can be set to NULL. Field: {path}; Value: NULL")
        return [one(value) for value in values]

    return decode_all if mode == "REPEATED" else decode


def _scalar_decoder(kind: str, path: str, reading: Reading) -> Decoder:
    parse = _PARSERS[kind]
    if kind == "JSON" and reading.json_text:
        parse = _json_text
    elif kind == "TIMESTAMP" and reading.time_zone != "UTC":
        parse = partial(_timestamp, time_zone=reading.time_zone)

    def decode(value: Any) -> Any:
        try:
            return parse(value)
        except _UNREADABLE as error:
            shown = value if isinstance(value, str) else json.dumps(value)
            what = f"Could not convert value to {kind.lower()}. Field: {path}; Value: {shown}"
            raise ValueProblem(path, what) from error

    return decode


def _digits(value: Any) -> str:
    """The text of a number or of a string that should be one."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(value)
    if isinstance(value, str) and (not value.isascii() or "_" in value):  # Python reads both as numbers
        raise ValueError(value)
    return value.text if isinstance(value, ExactFloat) else str(value).strip()


def _string(value: Any) -> str:
    if isinstance(value, str):
        value.encode()  # raises for half a surrogate pair
        return value
    return json.dumps(value) if isinstance(value, bool) else _digits(value)


def _integer(value: Any) -> int:
    text = _digits(value)
    number = int(text.partition(".")[0]) if _INTEGER.fullmatch(text) else int(_whole(Decimal(text)))
    if not -(2**63) <= number < 2**63:
        raise ValueError(value)
    return number


def _whole(number: Decimal) -> Decimal:
    if number != number.to_integral_value():
        raise ValueError(number)
    return number


def _numeric(value: Any) -> Decimal:
    with localcontext() as context:
        context.prec = 80
        number = Decimal(_digits(value)).quantize(_NUMERIC_UNIT, rounding=ROUND_HALF_UP)
    if not number.copy_abs() < _NUMERIC_LIMIT:  # abs() would round to 28 digits
        raise ValueError(value)
    return number


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    text = _digits(value).lower()
    if text not in _TRUE | _FALSE:
        raise ValueError(value)
    return text in _TRUE


def _timestamp(value: Any, time_zone: str = "UTC") -> dt.datetime:
    if isinstance(value, str) and not re.fullmatch(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?", value.strip()):
        return parse_timestamp(value.strip(), time_zone)
    micros = int((Decimal(_digits(value)) * 1_000_000).to_integral_value())
    return dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=micros)


def _date(value: str) -> dt.date:
    match = _DATE.fullmatch(value.strip())
    if match is None:
        raise ValueError(value)
    return dt.date(*(int(part) for part in match.groups()))


def _time(value: str) -> dt.time:
    text = value.strip()
    if not _TIME.fullmatch(text):
        raise ValueError(value)
    clock, _, fraction = text.partition(".")
    hour, minute, second = (int(part) for part in clock.split(":"))
    return dt.time(hour, minute, second, int(fraction.ljust(6, "0") or 0) if fraction else 0)


def _datetime(value: str) -> dt.datetime:
    day, _, clock = value.strip().replace("T", " ").replace("t", " ").partition(" ")
    return dt.datetime.combine(_date(day), _time(clock) if clock else dt.time())


def _json(value: Any) -> str:
    """JSON text as BigQuery stores it, with sorted members; raises for a number that is not kept exactly."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, sort_keys=True, allow_nan=False)
    text.encode()
    if _WIDE.search(text) and _has_wide_integer(value):
        raise ValueError("a number cannot round-trip")
    return text


def _has_wide_integer(value: Any) -> bool:
    if isinstance(value, dict | list):
        return any(map(_has_wide_integer, value.values() if isinstance(value, dict) else value))
    return isinstance(value, int) and not -(2**63) <= value < 2**64


def _json_text(value: Any) -> str:
    return _json(json.loads(value, object_pairs_hook=_first_members) if isinstance(value, str) else value)


def _first_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return dict(reversed(pairs))


_PARSERS: dict[str, Decoder] = {
    "STRING": _string,
    "BYTES": lambda value: base64.b64decode(value, validate=True),
    "INTEGER": _integer,
    "FLOAT": lambda value: float(_digits(value)),
    "NUMERIC": _numeric,
    "BOOLEAN": _boolean,
    "TIMESTAMP": _timestamp,
    "DATE": _date,
    "TIME": _time,
    "DATETIME": _datetime,
    "JSON": _json,
}
