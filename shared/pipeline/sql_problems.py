"""Finds problems of a template's SQL that show without parsing it: names, parameters, tables."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from shared.adapters.bigquery.sql import Statement, placeholders
from shared.configuration.tables import get_tables
from shared.domain.templates.templates import Template
from shared.pipeline.shapes import no_table
from shared.pipeline.sql_places import StatementPlace, places_of, shown_path
from shared.pipeline.statements import (
    bounded_statements,
    foreign_table,
    no_placeholder,
    parameter_types,
    sourced_tables,
    statements_sent,
    template_statements,
    whole_statement,
    wrong_parameter,
)
from shared.pipeline.table_reads import foreign_tables, names_given, problems_of_reads

# Parts of the text that are not SQL: strings and names in any quotes, and comments.
_NO_SQL = re.compile(
    r"'''.*?'''|\"\"\".*?\"\"\"|'(?:\\.|[^'\\\n])*'|\"(?:\\.|[^\"\\\n])*\"|--[^\n]*|#[^\n]*|/\*.*?\*/", re.DOTALL
)
_PARAMETER = re.compile(r"(?<!@)@(\w+)")
_TABLE = re.compile(r"\{dataset\}\s*\.\s*`?(\w+)")
# The columns that a publish reads from a `billed` statement, and the types that each may have.
BILLED_COLUMNS = {
    "usage_date": ("DATE",),
    "billing_currency": ("STRING",),
    "row_count": ("INT64",),
    "billed_cost": ("NUMERIC", "INT64"),
}
_BILLED_VALUES = ("dates", "pipeline_logging_id", "source")  # a publish gives these parameters to a `billed` statement


def sql_problems(
    template: Template, names: Collection[str] | None = None, shown: Callable[[Path], str] = shown_path
) -> list[str]:
    """One line for each problem of the statements: the .sql file, the line in it, the statement, the problem.

    `names` are the statements to check, all by default; `shown` gives the name that a message uses for a file.
    """
    found = template_statements(template)
    names = found.keys() if names is None else found.keys() & set(names)
    places = places_of(template)
    billed = {target.billed for target in template.publish}
    readings = [
        _Reading(template, statement, places[name], is_billed=name in billed, shown=shown)
        for name, statement in found.items()
        if name in names
    ]
    broken = [problem for reading in readings for problem in reading.braces()]
    return broken or [problem for reading in readings for problem in sorted(reading.problems())]


def problems_at_run(template: Template) -> list[str]:
    """Finds problems of the statements that a run sends, with files named relative to configs/."""
    return sql_problems(template, statements_sent(template), lambda path: "/".join(path.parts[-3:]))


def _used(statement: Statement) -> set[str]:
    return set(_PARAMETER.findall(_NO_SQL.sub(" ", statement.text)))


def _returned(text: str) -> set[str]:
    """The names of the columns that a statement returns, or all words of a statement that returns a `*`."""
    flat, before = _NO_SQL.sub(" ", text), ""
    words = set(re.findall(r"\w+", flat))
    while flat != before:
        before, flat = flat, re.sub(r"\([^()]*\)", " ", flat)
    selected = re.search(r"(?is)\bSELECT\b(.*?)\bFROM\b", flat)
    if selected is None or re.search(r"(?:^|[,.])\s*\*", selected[1].strip()):
        return words
    named = (re.findall(r"\w+", item) for item in selected[1].split(","))
    return {found[-1] for found in named if found}


@dataclass(frozen=True)
class _Reading:
    template: Template
    statement: Statement
    place: StatementPlace
    is_billed: bool
    shown: Callable[[Path], str]

    def problems(self) -> Iterator[str]:
        yield from self._placeholders()
        yield from self._tables()
        yield from self._foreign_tables()
        yield from self._reads()
        yield from self._parameters()
        yield from self._billed_columns()

    def _billed_columns(self) -> Iterator[str]:
        """The columns that a publish reads from a `billed` statement and that its SELECT does not name."""
        words = _returned(self.statement.text)
        missing = [name for name in BILLED_COLUMNS if self.is_billed and name not in words]
        if missing:
            line = self.place.line_of(r"(?i)\bSELECT\b")
            yield self._problem(
                line, f"must return {', '.join(BILLED_COLUMNS)}: a publish reads {' and '.join(missing)}"
            )

    def braces(self) -> Iterator[str]:
        """The problem of an unmatched brace, with which no placeholder of the statement can be found."""
        try:
            placeholders(self.statement.text)
        except ValueError as error:
            line = self.place.line_of(r"[{}]")
            yield self._problem(line, f"{str(error).lower()}; SQL's own braces are written twice")

    def _placeholders(self) -> Iterator[str]:
        known = ["dataset", *(step.id for step in self.template.steps), *self._others()]
        if self.is_billed:
            known = ["dataset", "rows"]
        for name in placeholders(self.statement.text) - set(known):
            line = self.place.line_of(re.escape(f"{{{name}"))
            yield self._problem(line, f"{{{name}}}: {no_placeholder(known)}")

    def _others(self) -> list[str]:
        return [name for name in template_statements(self.template) if name != self.statement.name]

    def _tables(self) -> Iterator[str]:
        known = get_tables("tenant_dataset")
        for table in dict.fromkeys(_TABLE.findall(self.statement.text)):
            if table not in known:
                line = self.place.line_of(rf"\{{dataset\}}\s*\.\s*`?{table}\b")
                yield self._problem(line, no_table(table))

    def _foreign_tables(self) -> Iterator[str]:
        """The problems of tables outside the tenant's dataset, which runs of every tenant would read."""
        texts = [each.text for each in template_statements(self.template).values()]
        for table in foreign_tables(self.statement.text, names_given(texts)):
            yield self._problem(self.place.line_of(re.escape(table.removesuffix("()"))), foreign_table(table))

    def _reads(self) -> Iterator[str]:
        """The problems of reads of published rows that are not limited to the run's source and days."""
        if self.statement.name in bounded_statements(self.template):
            for table, problem in problems_of_reads(self.statement.text, sourced_tables()):
                line = self.place.line_of(rf"\{{dataset\}}\s*\.\s*`?{table}\b")
                yield self._problem(line, f"reads {table}: {problem}")

    def _parameters(self) -> Iterator[str]:
        declared, used = self.statement.parameters, _used(self.statement)
        used_with_parts = _used(whole_statement(self.template, self.statement.name))
        known = parameter_types(self.template)
        if self.is_billed:
            known = {name: known[name] for name in _BILLED_VALUES}
        for name in used - declared.keys():
            way_out = f"write `-- param: {name} {known[name]}`" if name in known else wrong_parameter(name, "", known)
            yield self._problem(self.place.line_of(rf"(?<!@)@{name}\b"), f"@{name} is not declared: {way_out}")
        for name, kind in declared.items():
            line = self.place.parameters.get(name, self.place.opening)
            if wrong := wrong_parameter(name, kind, known):
                yield self._problem(line, wrong)
            elif name not in used_with_parts:
                yield self._problem(line, f"@{name} is declared and not used")

    def _problem(self, line: int, message: str) -> str:
        return f"{self.shown(self.place.path)}:{line}: {self.statement.name}: {message}"
