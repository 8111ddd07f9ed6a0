"""Analyses a script statement by statement. Later statements know the tables that earlier ones create."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from zetasql.api import Analyzer
from zetasql.core.exceptions import ZetaSQLError
from zetasql.types import AnalyzerOptions, ErrorMessageMode, ParseResumeLocation, SimpleCatalog

from tools.sqljudge.catalog import Tables, build_catalog, build_table, language, parameter_type, simple_type
from tools.sqljudge.wasm import service

_CREATES = {"ResolvedCreateTableStmt", "ResolvedCreateTableAsSelectStmt"}
_SYSTEM_VARIABLES = {"row_count": "INT64"}


class SqlRefused(Exception):
    """The analyser refuses the statement; the message is its own, with line and column."""


@dataclass(frozen=True)
class Analysed:
    """A statement the analyser accepts: its kind, for example ResolvedInsertStmt, and its resolved tree."""

    kind: str
    tree: Any


def analyse(sql: str, tables: Tables, parameters: Mapping[str, str]) -> list[Analysed]:
    """Every statement of a script, resolved; raises SqlRefused at the first that is wrong."""
    # The catalog is sent with every statement, so it has only the tables that the script mentions.
    catalog = build_catalog({place: fields for place, fields in tables.items() if place[1] in sql})
    analyzer = Analyzer(_options(parameters), catalog, service())
    try:
        return list(_statements(sql, analyzer, catalog))
    except ZetaSQLError as error:
        raise SqlRefused(_message_of(error)) from error


def _message_of(error: ZetaSQLError) -> str:
    """The error's message and place, without the analyser's list of all signatures of an operator."""
    lines = str(getattr(error, "raw_error", error)).splitlines()
    place = re.search(r" \[at \d+:\d+\]$", lines[-1])
    types = "".join(f", {line.strip()}" for line in lines[1:] if line.startswith("  Argument types"))
    first = re.sub(r"^Code: \d+, Message: ", "", lines[0])
    return first.removesuffix(place[0] if place else "") + types + (place[0] if place else "")


def _statements(sql: str, analyzer: Analyzer, catalog: SimpleCatalog) -> Iterator[Analysed]:
    text = sql.encode()
    location = ParseResumeLocation(input=sql, byte_position=0)
    while text[location.byte_position :].strip():
        tree = analyzer.analyze_next_statement(location)
        kind = type(tree).__name__
        if kind in _CREATES:
            columns = [(column.name, column.type) for column in tree.column_definition_list]
            catalog.table.append(build_table(".".join(tree.name_path), columns))
        yield Analysed(kind, tree)


def _options(parameters: Mapping[str, str]) -> AnalyzerOptions:
    return AnalyzerOptions(
        language_options=language(),
        default_timezone="UTC",
        error_message_mode=ErrorMessageMode.ERROR_MESSAGE_ONE_LINE,
        query_parameters=[
            AnalyzerOptions.QueryParameter(name=name, type=parameter_type(kind)) for name, kind in parameters.items()
        ],
        system_variables=[
            AnalyzerOptions.SystemVariable(name_path=[name], type=simple_type(kind))
            for name, kind in _SYSTEM_VARIABLES.items()
        ],
    )


def missing_required(analysed: Sequence[Analysed], required: Mapping[str, frozenset[str]]) -> list[str]:
    """The REQUIRED columns that an INSERT leaves out. The analyser accepts that, but BigQuery does not."""
    missing: list[str] = []
    for statement in analysed:
        if statement.kind == "ResolvedInsertStmt":
            table = statement.tree.table_scan.table.name
            given = {column.name for column in statement.tree.insert_column_list}
            missing += [f"{table}.{column}" for column in sorted(required.get(table, frozenset()) - given)]
    return missing
