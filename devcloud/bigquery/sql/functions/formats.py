"""FORMAT_* and PARSE_* with constant formats, element by element."""

from __future__ import annotations

import re

from sqlglot import exp

from devcloud.bigquery.model import invalid_query, not_implemented
from devcloud.bigquery.sql.binder import Binder, function
from devcloud.bigquery.sql.functions.dates import at_zone
from devcloud.bigquery.sql.functions.zones import moment_of
from devcloud.bigquery.sql.literals import quote_text
from devcloud.bigquery.sql.scope import Scope
from devcloud.bigquery.sql.typed import Typed, require
from devcloud.bigquery.types import DATE, DATETIME, STRING, TIME, TIMESTAMP

_TYPES = {"DATE": DATE, "DATETIME": DATETIME, "TIMESTAMP": TIMESTAMP, "TIME": TIME}
_ELEMENT = re.compile(r"%(E\*S|E\d?S|E4Y|Ez|[A-Za-z%])|([^%]+)")
_AS_STRFTIME = "mdHMSyjBbAaIpUWwuVG"
_SHORTHANDS = {
    "F": "%Y-%m-%d",
    "T": "%H:%M:%S",
    "R": "%H:%M",
    "D": "%m/%d/%y",
    "x": "%m/%d/%y",
    "X": "%H:%M:%S",
    "h": "%b",
}
_DATE_ELEMENTS = frozenset("YmdyjBbAaUWwuVGFDxhQCe")
_PIECES = {
    "Y": "CAST(year({0}) AS VARCHAR)",
    "E4Y": "lpad(CAST(year({0}) AS VARCHAR), 4, '0')",
    "F": "(CAST(year({0}) AS VARCHAR) || strftime({0}, '-%m-%d'))",
    "e": "lpad(CAST(day({0}) AS VARCHAR), 2, ' ')",
    "Q": "CAST(quarter({0}) AS VARCHAR)",
    "E*S": "bq_seconds_text({0})",
    "n": "chr(10)",
    "t": "chr(9)",
    "%": "'%'",
    "k": "lpad(CAST(hour({0}) AS VARCHAR), 2, ' ')",
    "C": "lpad(CAST(year({0}) // 100 AS VARCHAR), 2, '0')",
}


def _elements(template: str, name: str) -> list[tuple[str, str]]:
    """Split a format into its elements, as (element, ''), and the texts between them, as ('', literal)."""
    found, at = [], 0
    while at < len(template):
        match = _ELEMENT.match(template, at)
        if match is None:
            raise not_implemented(f"{name} with the format {template}")
        found.append((match[1] or "", match[2] or ""))
        at = match.end()
    return found


def _constant(binder: Binder, node: exp.Expr, scope: Scope, name: str) -> str:
    given = binder.expr(node, scope)
    if not isinstance(given.value, str):
        raise not_implemented(f"{name} with a format that is not constant")
    return given.value


@function("FORMAT_DATE", "FORMAT_DATETIME", "FORMAT_TIMESTAMP", "FORMAT_TIME")
def bind_format(binder: Binder, node: exp.Anonymous, scope: Scope) -> Typed:
    """FORMAT_TIMESTAMP(format, value, zone) and its kin."""
    name = str(node.this).upper()
    if not 2 <= len(node.expressions) <= 3:
        raise invalid_query(f"No matching signature for function {name}: {len(node.expressions)} arguments")
    kind = _TYPES[name.removeprefix("FORMAT_")]
    template = _constant(binder, node.expressions[0], scope, name)
    value = require(binder.expr(node.expressions[1], scope), kind, f"{name} argument")
    zone = binder.typed(node.expressions[2], scope, STRING, "time zone") if len(node.expressions) == 3 else None
    local = at_zone(value.sql, zone) if kind == TIMESTAMP else value.sql
    if kind == TIME:
        local = f"(DATE '1970-01-01' + {value.sql})"
    parts = []
    for element, literal in _elements(template, name):
        if name == "FORMAT_TIME" and element in _DATE_ELEMENTS:
            raise not_implemented(f"FORMAT_TIME with %{element}")
        piece = quote_text(literal) if literal else _local_piece(element, local)
        parts.append(piece or _zone_piece(element, value, zone, name))
    return Typed(f"({' || '.join(parts) or quote_text('')})", STRING)


def _local_piece(element: str, local: str) -> str | None:
    """The text of an element of local time; None for one that needs more."""
    if element in _PIECES:
        return _PIECES[element].format(local)
    if element in _SHORTHANDS or element in _AS_STRFTIME:
        # DuckDB formats a DATE like a TIMESTAMP at midnight.
        return f"strftime({local}, '{_SHORTHANDS.get(element, '%' + element)}')"
    return f"bq_seconds_digits({local}, {element[1]})" if re.fullmatch(r"E\dS", element) else None


def _zone_piece(element: str, value: Typed, zone: Typed | None, name: str) -> str:
    zone_sql = zone.sql if zone is not None else "'UTC'"
    known = {
        "s": f"CAST(bq_floor_divide(epoch_us({value.sql}), 1000000) AS VARCHAR)",
        "Ez": f"bq_offset_text({value.sql}, {zone_sql}, ':')",
        "z": f"bq_offset_text({value.sql}, {zone_sql}, '')",
    } | ({"Z": "'UTC'"} if zone is None else {})
    if value.type != TIMESTAMP or element not in known:
        raise not_implemented(f"{name} with %{element}")
    return known[element]


_PARSED = frozenset("YmdHMSyjBbAaIpFTRDe%")


@function("PARSE_DATE", "PARSE_DATETIME", "PARSE_TIMESTAMP", "PARSE_TIME")
def bind_parse(binder: Binder, node: exp.Anonymous, scope: Scope) -> Typed:
    """PARSE_TIMESTAMP(format, text, zone) and its kin."""
    name = str(node.this).upper()
    kind = _TYPES[name.removeprefix("PARSE_")]
    if not 2 <= len(node.expressions) <= 3:
        raise invalid_query(f"No matching signature for function {name}: {len(node.expressions)} arguments")
    template = _constant(binder, node.expressions[0], scope, name)
    text = require(binder.expr(node.expressions[1], scope), STRING, f"{name} argument")
    zone = binder.typed(node.expressions[2], scope, STRING, "time zone") if len(node.expressions) == 3 else None
    elements = _elements(template, name)
    if any(element == "Z" for element, _ in elements):
        return _parse_with_zone_name(text, elements, name)
    offset = any(element in ("Ez", "z") for element, _ in elements)
    pattern = "".join(_parse_piece(element, literal, name) for element, literal in elements)
    if offset:
        if kind != TIMESTAMP:
            raise not_implemented(f"{name} with a time zone")
        return Typed(f"bq_strptime_offset({text.sql}, {quote_text(pattern)})", TIMESTAMP)
    parsed = f"bq_strptime({text.sql}, {quote_text(pattern)})"
    if kind == TIMESTAMP:
        zone_sql = zone.sql if zone is not None else "'UTC'"
        return Typed(moment_of(parsed, zone_sql), TIMESTAMP)
    return Typed(parsed if kind == DATETIME else f"CAST({parsed} AS {kind.kind})", kind)


def _parse_piece(element: str, literal: str, name: str) -> str:
    if literal:
        return literal
    if element in _SHORTHANDS:
        return _SHORTHANDS[element]
    if element == "e":
        return "%d"
    if element in ("E*S", "E6S", "E3S"):
        return "%S.%f"
    if element in ("Ez", "z"):
        return "%z"
    if element not in _PARSED:
        raise not_implemented(f"{name} with %{element}")
    return f"%{element}"


def _parse_with_zone_name(text: Typed, elements: list[tuple[str, str]], name: str) -> Typed:
    """Handle %Z at the end of a constant format: check the zone in the text as BigQuery does."""
    if not isinstance(text.value, str) or elements[-1][0] != "Z":
        raise not_implemented(f"{name} with %Z")
    match = re.search(r"[A-Za-z]+(?:/[A-Za-z_]+)*$", text.value)
    if match is None or match[0].upper() not in ("UTC", "GMT", "Z"):
        raise invalid_query(f"Invalid time zone: {match[0] if match else ''}")
    pattern = "".join(_parse_piece(element, literal, name) for element, literal in elements[:-1])
    head = quote_text(text.value[: match.start()])
    return Typed(f"bq_from_local(bq_strptime({head}, {quote_text(pattern)}), 'UTC')", TIMESTAMP)
