"""Analyses a template's SQL, and reports problems by .sql file and line."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from shared.adapters.bigquery.sql import Statement
from shared.configuration.templates import sql_file, sql_files
from shared.domain.templates.check_options import Reconciliation
from shared.domain.templates.step_options import SqlStep
from shared.domain.templates.templates import Template
from shared.pipeline.publish import publish_statement
from shared.pipeline.sql_places import StatementPlace, places_of, shown_path
from shared.pipeline.sql_problems import BILLED_COLUMNS
from tools.sqljudge.analyse import SqlRefused
from tools.sqljudge.sent import (
    analysed,
    rendered_checks,
    result_columns,
    shape_columns,
    sql_of,
    sql_steps,
    staged_tables,
    template_statement,
)

_ANALYSERS_FLOAT = "DOUBLE"  # what the analyser calls FLOAT64
_TOTALS = ("NUMERIC", "INT64", "BIGNUMERIC", "FLOAT64", _ANALYSERS_FLOAT)
_AT = re.compile(r" \[at (\d+):(\d+)\]")
_MARK = re.compile(r"/\*(\w+):(\d+)\*/")


def refusals(template: Template) -> Iterator[str]:
    """A line for each statement that the analyser refuses, and for each result column that is not as its shape says."""
    places, whole = places_of(template), shown_path(sql_file(template).with_suffix(".yml"))
    with _marked(template, places) as marked:
        found = [
            problem for name in places for problem in _refused(template_statement(marked, name), places, places[name])
        ]
        for step, statement in sql_steps(marked):
            found += [] if found else _of_a_query(places[step.with_.query], partial(_misshapen, step, statement))
        for name, wanted, reader in [] if found else _read(marked):
            unlike = partial(_unlike, wanted, template_statement(marked, name), reader)
            found += _of_a_query(places[name], unlike)
        for check in [] if found else rendered_checks(marked, guards=False):
            refused = _refused(check.statement, places, None)
            found += [f"{whole}:1: checks.{check.check_id}: {problem}" for problem in refused]
        for problem in [] if found else _refused(publish_statement(marked, staged_tables(marked)), places, None):
            found.append(f"{whole}:1: publish: {problem}")
    yield from dict.fromkeys(found)  # a part is reported once, however many statements use it


@contextmanager
def _marked(template: Template, places: Mapping[str, StatementPlace]) -> Iterator[Template]:
    """The template with marked SQL: a mark on each line, also in nested statements, names its place in the files."""
    marks = {(place.path, number): name for name, place in places.items() for number, _ in place.lines}
    home = sql_file(template).parents[2]
    with tempfile.TemporaryDirectory() as folder:
        for path in sql_files(template):
            lines = enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
            marked = [_mark(line, marks.get((path, number)), number) for number, line in lines]
            copy = Path(folder) / path.relative_to(home)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text("\n".join(marked), encoding="utf-8")
        own = Path(folder) / sql_file(template).parent.relative_to(home)
        yield template.model_copy(update={"folder": str(own), "edition": folder})


def _mark(line: str, name: str | None, number: int) -> str:
    return f"/*{name}:{number}*/{line}" if name and line.strip() else line


def _refused(statement: Statement, places: Mapping[str, StatementPlace], place: StatementPlace | None) -> Iterator[str]:
    """The analyser's message for a refused statement, with the place in the template's files."""
    try:
        analysed(statement)
    except SqlRefused as error:
        text = _AT.sub("", str(error))
        at = _AT.search(str(error))
        mark = _mark_before(sql_of(statement), int(at[1]), int(at[2])) if at else None
        if mark:
            yield f"{shown_path(places[mark[0]].path)}:{mark[1]}: {mark[0]}: {text}"
        elif place:
            yield f"{shown_path(place.path)}:{place.opening}: {place.name}: {text}"
        else:
            yield text


def _mark_before(sql: str, line: int, column: int) -> tuple[str, int] | None:
    """Find the last mark before a place in marked SQL, and return the statement and line that it names."""
    lines = sql.splitlines()
    text = lines[min(line, len(lines)) - 1]
    marks = [match for match in _MARK.finditer(text) if match.start() < column] if line <= len(lines) else []
    marks = marks or list(_MARK.finditer(text))
    return (marks[-1][1], int(marks[-1][2])) if marks else None


def _named(kind: str) -> str:
    """A type as BigQuery's SQL spells it."""
    return re.sub(rf"\b{_ANALYSERS_FLOAT}\b", "FLOAT64", str(kind))


def _misshapen(step: SqlStep, statement: Statement, place: StatementPlace) -> list[str]:
    shape, found = step.with_.shape, result_columns(statement)
    wanted, problems = shape_columns(shape), []
    for name in [*wanted, *(name for name in found if name not in wanted)]:
        if name not in found:
            problems.append((place.opening, f"the result has no column {name}, which {shape} has"))
        elif name not in wanted:
            problems.append((_line(place, name), f"{shape} has no column {name}, which the result has"))
        elif found[name] != wanted[name]:
            is_, must = _named(found[name]), _named(wanted[name])
            problems.append((_line(place, name), f"column {name} is {is_} in the result and {must} in {shape}"))
    return [f"{shown_path(place.path)}:{line}: {place.name}: {message}" for line, message in sorted(problems)]


def _read(template: Template) -> Iterator[tuple[str, Mapping[str, Sequence[str]], str]]:
    """Statements whose results the product reads: name, needed columns with their allowed types, and reader."""
    for target in template.publish:
        yield target.billed, BILLED_COLUMNS, "a publish reads"
    for check in template.checks:
        if isinstance(check, Reconciliation):
            wanted = {**dict.fromkeys(check.with_.by, ()), "total": _TOTALS}
            for side in (check.with_.observed, check.with_.expected):
                if side.query is not None:
                    yield side.query, wanted, f"checks.{check.id} reads"


def _of_a_query(place: StatementPlace, look: Callable[[StatementPlace], Iterable[str]]) -> list[str]:
    try:
        return list(look(place))
    except SqlRefused as error:  # the statement is not a query
        return [f"{shown_path(place.path)}:{place.opening}: {place.name}: {error}"]


def _unlike(
    wanted: Mapping[str, Sequence[str]], statement: Statement, reader: str, place: StatementPlace
) -> Iterator[str]:
    """A line for each column that the reader of a result needs and that is missing or has a wrong type."""
    found = result_columns(statement)
    for name, kinds in wanted.items():
        if name not in found:
            line, text = place.line_of(r"(?i)\bSELECT\b"), f"must return {', '.join(wanted)}: {reader} {name}"
        elif kinds and found[name] not in kinds:
            allowed = " or ".join(kind for kind in kinds if kind != _ANALYSERS_FLOAT)
            line, text = _line(place, name), f"{name} is {_named(found[name])}, and must be {allowed}: {reader} it"
        else:
            continue
        yield f"{shown_path(place.path)}:{line}: {place.name}: {text}"


def _line(place: StatementPlace, column: str) -> int:
    return place.line_of(rf"(?i)\bAS\s+`?{column}`?\s*,?\s*$|^\s*(?:\w+\.)?{column}\s*,?\s*$")
