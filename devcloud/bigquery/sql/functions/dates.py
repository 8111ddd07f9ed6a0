"""Dates, times and timestamps: arithmetic, truncation, differences, parts and constructors."""

from __future__ import annotations

from contextlib import suppress

from sqlglot import exp

from devcloud.bigquery.model import BigQueryError, invalid_query, not_implemented
from devcloud.bigquery.sql.binder import Binder, expression, function
from devcloud.bigquery.sql.casts import cast
from devcloud.bigquery.sql.functions.date_parts import PARTS, part_of, truncated, truncated_with_zone, units_between
from devcloud.bigquery.sql.functions.zones import local_of, moment_of
from devcloud.bigquery.sql.literals import from_text
from devcloud.bigquery.sql.registry import define
from devcloud.bigquery.sql.scope import Scope
from devcloud.bigquery.sql.typed import Typed, coerce, require
from devcloud.bigquery.types import DATE, DATETIME, INT64, STRING, TIME, TIMESTAMP, SqlType

_TYPES = {"DATE": DATE, "DATETIME": DATETIME, "TIMESTAMP": TIMESTAMP, "TIME": TIME}
_WITHIN_DAYS = ("MICROSECOND", "MILLISECOND", "SECOND", "MINUTE", "HOUR", "TIME")
_SHIFTS = {
    "DATE": ("DAY", "WEEK", "MONTH", "QUARTER", "YEAR"),
    "DATETIME": tuple(PARTS),
    "TIMESTAMP": ("MICROSECOND", "MILLISECOND", "SECOND", "MINUTE", "HOUR", "DAY"),
    "TIME": ("MICROSECOND", "MILLISECOND", "SECOND", "MINUTE", "HOUR"),
}


def interval_text(binder: Binder, node: exp.Interval, scope: Scope, allowed: tuple[str, ...]) -> str:
    """The DuckDB interval of `INTERVAL n PART`."""
    unit = node.args.get("unit")
    if unit is None or not isinstance(unit, exp.Var):
        raise not_implemented(f"the interval {node.sql('bigquery')}")
    part = unit.name.upper()
    if part not in allowed:
        raise invalid_query(f"A valid date part name is required but found {part}")
    amount = node.this
    if isinstance(amount, exp.Literal):
        amount = exp.Literal.number(amount.name)
    number = binder.integer(amount, scope, "INTERVAL value")
    return f"{PARTS[part]}({number})"


def shift(binder: Binder, value: Typed, node: exp.Interval, scope: Scope, sign: str) -> Typed:
    """A date or time plus or minus an interval."""
    kind = value.type
    if value.literal and kind == STRING:
        raise invalid_query(f"No matching signature for operator {sign} for argument types: STRING, INTERVAL")
    if kind.kind not in _SHIFTS:
        raise invalid_query(f"No matching signature for operator {sign} for argument types: {kind}, INTERVAL")
    # DATE + INTERVAL is a DATETIME; the functions DATE_ADD and DATE_SUB give a DATE.
    wanted = DATETIME if kind == DATE else kind
    text = f"CAST({value.sql} AS TIMESTAMP)" if kind == DATE else value.sql
    interval = interval_text(binder, node, scope, _SHIFTS[wanted.kind])
    shifted = f"({text} {sign} {interval})"
    return Typed(shifted if wanted == TIME else f"bq_in_years({shifted})", wanted)


@function(*(f"{kind}_{verb}" for kind in _TYPES for verb in ("ADD", "SUB")))
def bind_add(binder: Binder, node: exp.Anonymous, scope: Scope) -> Typed:
    """DATE_ADD(d, INTERVAL n PART) and its kin."""
    name, verb = str(node.this).upper().split("_")
    value_node, interval = _arguments(node, 2)
    if not isinstance(interval, exp.Interval):
        raise invalid_query(f"Expected INTERVAL expression in {name}_{verb}")
    given = binder.expr(value_node, scope)
    if given.type.kind != name and given.type.kind in _TYPES and not (name == "DATETIME" and given.type == DATE):
        raise not_implemented(f"{name}_{verb} of a {given.type}")
    value = require(given, _TYPES[name], f"{name}_{verb} argument")
    sign = "+" if verb == "ADD" else "-"
    delta = interval_text(binder, interval, scope, _SHIFTS[name])
    text = f"({value.sql} {sign} {delta})"
    # A date near the current one is in the supported range of years, so the slow check is left out.
    is_recent = isinstance(value_node, exp.Anonymous) and str(value_node.this).upper().startswith("CURRENT_")
    if name != "TIME" and not is_recent:
        text = f"bq_in_years({text})"
    return Typed(f"CAST({text} AS DATE)" if name == "DATE" else text, _TYPES[name])


def _arguments(node: exp.Anonymous, *counts: int) -> list[exp.Expr]:
    if len(node.expressions) not in counts:
        raise invalid_query(f"No matching signature for function {node.this}: {len(node.expressions)} arguments")
    return list(node.expressions)


@function("DATE_DIFF", "DATETIME_DIFF", "TIMESTAMP_DIFF", "TIME_DIFF")
def bind_difference(binder: Binder, node: exp.Anonymous, scope: Scope) -> Typed:
    """DATE_DIFF and its kin count the boundaries between two values; TIMESTAMP_DIFF counts elapsed whole units."""
    name = str(node.this).upper().removesuffix("_DIFF")
    end, start, part_node = _arguments(node, 3)
    part = part_of(part_node)
    given = [binder.expr(side, scope) for side in (end, start)]
    kind = _difference_type(name, given)
    values = [require(side, kind, f"{name}_DIFF argument") for side in given]
    return Typed(units_between(kind, values[0].sql, values[1].sql, part), INT64)


def _difference_type(name: str, given: list[Typed]) -> SqlType:
    """DATE_DIFF also takes DATETIMEs and TIMESTAMPs."""
    for kind in (TIMESTAMP, DATETIME) if name == "DATE" else ():
        if any(side.type == kind for side in given):
            return kind
    return _TYPES[name]


@function("DATE_TRUNC", "DATETIME_TRUNC", "TIMESTAMP_TRUNC", "TIME_TRUNC")
def bind_truncate(binder: Binder, node: exp.Anonymous, scope: Scope) -> Typed:
    """TIMESTAMP_TRUNC(ts, PART, zone) and its kin."""
    name = str(node.this).upper().removesuffix("_TRUNC")
    arguments = _arguments(node, 2, 3)
    value = binder.expr(arguments[0], scope)
    kind = value.type if value.type.kind in _TYPES and name != "TIME" and value.type != TIME else _TYPES[name]
    value = require(value, kind, f"{name}_TRUNC argument")
    part = part_of(arguments[1])
    if len(arguments) == 3:
        zone = require(binder.expr(arguments[2], scope), STRING, "time zone")
        return Typed(truncated_with_zone(value.sql, part, zone.sql), TIMESTAMP)
    return Typed(truncated(kind, value.sql, part), kind)


@function("LAST_DAY")
def bind_last_day(binder: Binder, node: exp.Anonymous, scope: Scope) -> Typed:
    """LAST_DAY(date, PART)."""
    arguments = _arguments(node, 1, 2)
    value = cast(binder.expr(arguments[0], scope), DATE)
    part = part_of(arguments[1]) if len(arguments) == 2 else "MONTH"
    steps = {"MONTH": "to_months(1)", "QUARTER": "to_months(3)", "YEAR": "to_years(1)"}
    step = "to_days(7)" if "WEEK" in part else steps.get(part)
    if step is None:
        raise not_implemented(f"LAST_DAY by {part}")
    return Typed(f"CAST({truncated(DATE, value.sql, part)} + {step} - to_days(1) AS DATE)", DATE)


@expression(exp.Extract)
def bind_extract(binder: Binder, node: exp.Expr, scope: Scope) -> Typed:
    """EXTRACT(PART FROM value AT TIME ZONE zone)."""
    inner, zone = node.expression, None
    if isinstance(inner, exp.AtTimeZone):
        inner, zone = inner.this, inner.args["zone"]
    value = binder.expr(inner, scope)
    if value.type.kind not in _TYPES:
        raise invalid_query(f"EXTRACT is not defined for type {value.type}")
    local = value.sql
    if value.type == TIMESTAMP:
        local = at_zone(value.sql, binder.typed(zone, scope, STRING, "time zone") if zone is not None else None)
    elif zone is not None:
        raise invalid_query(f"EXTRACT from {value.type} does not support AT TIME ZONE")
    return _extracted(part_of(node.this), local, value.type)


_SIMPLE = {"YEAR": "year", "QUARTER": "quarter", "MONTH": "month", "DAY": "day", "HOUR": "hour", "MINUTE": "minute"}
_EXTRACTS = {part: f"CAST(extract({word} FROM {{0}}) AS BIGINT)" for part, word in _SIMPLE.items()} | {
    "SECOND": "CAST(floor(extract(second FROM {0})) AS BIGINT)",
    "MILLISECOND": "(CAST(extract(microsecond FROM {0}) AS BIGINT) % 1000000 // 1000)",
    "MICROSECOND": "(CAST(extract(microsecond FROM {0}) AS BIGINT) % 1000000)",
    "DAYOFWEEK": "(CAST(extract(dayofweek FROM {0}) AS BIGINT) + 1)",
    "DAYOFYEAR": "CAST(extract(dayofyear FROM {0}) AS BIGINT)",
    "ISOWEEK": "CAST(extract(week FROM {0}) AS BIGINT)",
    "ISOYEAR": "CAST(extract(isoyear FROM {0}) AS BIGINT)",
    "WEEK": "CAST(strftime({0}, '%U') AS BIGINT)",
    "WEEK(SUNDAY)": "CAST(strftime({0}, '%U') AS BIGINT)",
    "WEEK(MONDAY)": "CAST(strftime({0}, '%W') AS BIGINT)",
}


def _extracted(part: str, local: str, kind: SqlType) -> Typed:
    if kind == DATE and part in _WITHIN_DAYS:
        raise invalid_query(f"EXTRACT from DATE does not support the {part} date part")
    if part in ("DATE", "TIME", "DATETIME") and kind.kind in ("DATETIME", "TIMESTAMP"):
        target = _TYPES[part]
        return Typed(local if part == "DATETIME" else f"CAST({local} AS {part})", target)
    if part not in _EXTRACTS:
        raise not_implemented(f"EXTRACT({part})")
    return Typed(_EXTRACTS[part].format(local), INT64)


def at_zone(timestamp: str, zone: Typed | None) -> str:
    """The local DATETIME of a TIMESTAMP; UTC without a zone."""
    return f"timezone('UTC', {timestamp})" if zone is None else local_of(timestamp, zone.sql)


# Constructors -----------------------------------------------------------------------------------------------------


@function("DATE", "DATETIME", "TIMESTAMP", "TIME")
def bind_constructor(binder: Binder, node: exp.Anonymous, scope: Scope) -> Typed:
    """DATE(y, m, d), DATE(ts, zone), TIMESTAMP(text, zone)..."""
    name = str(node.this).upper()
    given = [binder.expr(argument, scope) for argument in node.expressions]
    target = _TYPES[name]
    if len(given) >= 3:
        return _from_parts(name, given)
    if not given:
        raise invalid_query(f"No matching signature for function {name} with no arguments")
    if name == "DATETIME" and len(given) == 2 and given[0].type == DATE:
        day, clock = given[0].sql, require(given[1], TIME, "DATETIME argument").sql
        return Typed(f"({day} + {clock})", DATETIME)
    zone = require(given[1], STRING, "time zone") if len(given) == 2 else None
    if zone is None and given[0].type == STRING and name == "TIMESTAMP":
        return Typed(_moment_of(given[0]), TIMESTAMP)
    if zone is None and given[0].type == STRING and name == "TIME":
        raise invalid_query("No matching signature for function TIME for argument types: STRING")
    if zone is None:
        return _converted(given[0], target)
    return _zoned(name, given[0], zone)


def _moment_of(text: Typed) -> str:
    """TIMESTAMP(text). The call itself raises the error for an invalid text, so that SAFE can turn it into NULL."""
    if isinstance(text.value, str):
        with suppress(BigQueryError):
            return from_text(text.value, TIMESTAMP)
    return f"bq_text_to_timestamp({text.sql})"


def _converted(value: Typed, target: SqlType) -> Typed:
    literal = coerce(value, target) if value.literal else None
    return Typed((literal or cast(value, target)).sql, target)


def _zoned(name: str, value: Typed, zone: Typed) -> Typed:
    if name == "TIMESTAMP":
        if value.type == STRING:
            return Typed(f"bq_text_to_timestamp_in({value.sql}, {zone.sql})", TIMESTAMP)
        return Typed(moment_of(cast(value, DATETIME).sql, zone.sql), TIMESTAMP)
    timestamp = require(value, TIMESTAMP, f"{name} argument")
    local = local_of(timestamp.sql, zone.sql)
    return Typed(local if name == "DATETIME" else f"CAST({local} AS {name})", _TYPES[name])


def _from_parts(name: str, given: list[Typed]) -> Typed:
    makers = {("DATE", 3): "bq_make_date", ("TIME", 3): "bq_make_time", ("DATETIME", 6): "bq_make_datetime"}
    maker = makers.get((name, len(given)))
    if maker is None:
        raise invalid_query(f"No matching signature for function {name}: {len(given)} arguments")
    parts = ", ".join(require(part, INT64, f"{name} argument").sql for part in given)
    return Typed(f"{maker}({parts})", _TYPES[name])


@function("CURRENT_TIMESTAMP", "CURRENT_DATE", "CURRENT_DATETIME", "CURRENT_TIME")
def bind_current(binder: Binder, node: exp.Anonymous, scope: Scope) -> Typed:
    """CURRENT_TIMESTAMP() and its kin: one time for the whole statement."""
    from devcloud.bigquery.sql.expressions import now

    name = str(node.this).upper().removeprefix("CURRENT_")
    if name == "TIMESTAMP":
        return Typed(now(binder), TIMESTAMP)
    zone = binder.typed(node.expressions[0], scope, STRING, "time zone") if node.expressions else None
    local = at_zone(now(binder), zone)
    return Typed(local if name == "DATETIME" else f"CAST({local} AS {name})", _TYPES[name])


define("UNIX_SECONDS", ("TIMESTAMP -> INT64", "bq_floor_divide(epoch_us({0}), 1000000)"))
define("UNIX_MILLIS", ("TIMESTAMP -> INT64", "bq_floor_divide(epoch_us({0}), 1000)"))
define("UNIX_MICROS", ("TIMESTAMP -> INT64", "epoch_us({0})"))
define("UNIX_DATE", ("DATE -> INT64", "CAST({0} - DATE '1970-01-01' AS BIGINT)"))
define("TIMESTAMP_SECONDS", ("INT64 -> TIMESTAMP", "bq_from_micros({0} * 1000000)"))
define("TIMESTAMP_MILLIS", ("INT64 -> TIMESTAMP", "bq_from_micros({0} * 1000)"))
define("TIMESTAMP_MICROS", ("INT64 -> TIMESTAMP", "bq_from_micros({0})"))
define("DATE_FROM_UNIX_DATE", ("INT64 -> DATE", "bq_date_plus(DATE '1970-01-01', {0})"))


@function("STRING")
def bind_string(binder: Binder, node: exp.Anonymous, scope: Scope) -> Typed:
    """STRING(timestamp, zone), STRING(date), STRING(json)."""
    given = [binder.expr(argument, scope) for argument in _arguments(node, 1, 2)]
    if given[0].type.kind == "JSON":
        return Typed(f"bq_json_string({given[0].sql})", STRING)
    if len(given) == 2:
        raise not_implemented("STRING(timestamp, zone)")
    if given[0].type.kind not in _TYPES:
        raise invalid_query(f"No matching signature for function STRING for argument types: {given[0].type}")
    return cast(given[0], STRING)
