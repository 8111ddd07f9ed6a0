"""Finds problems of a template's checks: unknown steps and columns, and columns of wrong types."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from shared.authoring.sample_values import BOUNDS, sample_options
from shared.configuration.tables import Table, get_tables
from shared.domain.templates.check_options import (
    Check,
    Freshness,
    Range,
    RangeOptions,
    Reconciliation,
    Totals,
    Unique,
    resolved,
)
from shared.domain.templates.config_problems import Place
from shared.domain.templates.templates import Template
from shared.pipeline.shapes import no_table, staged_shape

Problems = Iterator[tuple[Place, str]]

DAYS = frozenset({"DATE", "TIMESTAMP"})
_NUMBERS = frozenset({"INTEGER", "FLOAT", "NUMERIC"})
_KEYS = frozenset({"STRING", "BYTES", "BOOLEAN"}) | DAYS | _NUMBERS  # types that GROUP BY accepts
_KINDS = {"Decimal": "a number", "date": "a date", "datetime": "a timestamp"}


def check_problems(template: Template, place: Place, check: Check) -> Problems:
    """The problems of a check with the columns of its step's shape. `place` is the place of the check's options."""
    options = check.with_.given()
    table = staged_shape(template, check.step)
    needed = {Unique: _KEYS, Freshness: frozenset({"TIMESTAMP"}), Range: frozenset(BOUNDS)}.get(type(check))
    for name in ("column", "columns", "sample_columns"):
        if table and name in options:
            columns = options[name] if isinstance(options[name], list) else [options[name]]
            yield from column_problems((*place, name), table, columns, None if name == "sample_columns" else needed)
    if table and isinstance(check, Range):
        yield from _bounds(template, place, check, table)
    if isinstance(check, Reconciliation):
        for side, totals in (("observed", check.with_.observed), ("expected", check.with_.expected)):
            yield from _side(template, (*place, side), check, totals)


def _side(template: Template, place: Place, check: Reconciliation, totals: Totals) -> Problems:
    if totals.query is not None or totals.total is None:
        return
    table = staged_shape(template, totals.step) if totals.step else get_tables("tenant_dataset").get(totals.table or "")
    if table is None:
        if totals.table:
            yield (*place, "table"), no_table(totals.table)
        return
    yield from column_problems((*place, "total"), table, [totals.total], _NUMBERS)
    yield from column_problems((*place, "keys"), table, totals.keys or check.with_.by, _KEYS)


def _bounds(template: Template, place: Place, check: Range, table: Table) -> Problems:
    kind, _ = BOUNDS.get(_types(table).get(check.with_.column, ""), (None, ""))
    try:
        options = resolved(check, sample_options(template, check)).with_
    except ValueError as error:
        yield place, f"its parameters are of the wrong type: {_reason(error)}"
        return
    assert isinstance(options, RangeOptions)  # noqa: S101 - a Range has no others
    for name, bound in (("minimum", options.minimum), ("maximum", options.maximum)):
        if kind is not None and bound is not None and type(bound) is not kind:
            given, wanted = _KINDS[type(bound).__name__], _KINDS[kind.__name__]
            yield (*place, name), f"is {given}, and {check.with_.column} of {table.table} needs {wanted}"


def _reason(error: ValueError) -> str:
    return str(error).splitlines()[0]


def column_problems(
    place: Place, table: Table, columns: Sequence[str], types: frozenset[str] | None = None
) -> Problems:
    """The columns that a table lacks or has with a wrong type."""
    known = _types(table)
    for column in columns:
        if column not in known:
            yield place, f"{table.table} has no column {column}"
        elif types and known[column] not in types:
            yield place, f"{column} of {table.table} is {known[column]}, and must be {_either(types)}"


def _types(table: Table) -> dict[str, str]:
    return {item.name: "REPEATED" if item.mode == "REPEATED" else item.type for item in table.columns}


def _either(types: frozenset[str]) -> str:
    *others, last = sorted(types)
    return f"{', '.join(others)} or {last}" if others else last
