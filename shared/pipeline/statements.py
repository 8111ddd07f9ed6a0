"""Finds the statements of a template's SQL, checks that a run can fill them in, and fills them in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from shared.adapters.bigquery.sql import Statement, load_statements, placeholders
from shared.configuration.tables import get_table, get_tables
from shared.configuration.templates import sql_file, sql_files
from shared.domain.templates.check_options import Check, MatchesSource, Reconciliation, SqlCheck
from shared.domain.templates.step_options import SqlStep
from shared.domain.templates.templates import RUN_VALUES, Template
from shared.errors import ConfigError
from shared.pipeline.table_reads import CHANGES, foreign_tables, names_given

_TYPES = {"string": "STRING", "table": "STRING", "integer": "INT64", "boolean": "BOOL"}
_DATASET = "dataset"


def template_statements(template: Template) -> Mapping[str, Statement]:
    """A template's statements by name, from all its files of SQL."""
    return _statements_of(tuple(sql_files(template)), template.edition)


@lru_cache(maxsize=512)
def _statements_of(files: tuple[Path, ...], _edition: str) -> Mapping[str, Statement]:
    statements: dict[str, Statement] = {}
    for path in files:
        found = load_statements(path)
        for name in sorted(found.keys() & statements.keys()):
            raise ConfigError(f"{path.name}: {name} is in another file of this template too; rename or remove one")
        statements |= found
    return statements


def step_statement(template: Template, step: SqlStep) -> Statement:
    """A sql step's statement with open placeholders. ConfigError names the step if a run could not fill them."""
    with _named_in_errors(f"{template.pipeline_id}: steps.{step.id}.with.query"):
        return usable_statement(template, step.with_.query, earlier_steps(template, step))


def check_statement(template: Template, check: Check, query: str) -> Statement:
    """A check's statement with open placeholders. ConfigError names the check if a run could not fill them."""
    with _named_in_errors(f"{template.pipeline_id}: checks.{check.id}.with"):
        return usable_statement(template, query, [step.id for step in template.steps])


def statements_named_by(template: Template, check: Check) -> list[Statement]:
    """The template's statements on which a check's result depends, with open placeholders."""
    if isinstance(check, SqlCheck):
        names = [check.with_.query]
    elif isinstance(check, Reconciliation):
        names = [side.query for side in (check.with_.observed, check.with_.expected) if side.query is not None]
    elif isinstance(check, MatchesSource):
        billed = [target.billed for target in template.publish if target.step == check.step]
        return [template_statements(template)[name] for name in billed]
    else:
        names = []
    return [check_statement(template, check, name) for name in names]


def usable_statement(template: Template, name: str, readable: Sequence[str]) -> Statement:
    """A statement that may read these steps, with open placeholders. ConfigError says if a run could not fill them."""
    statements = template_statements(template)
    if name not in statements:
        known = ", ".join(sorted(statements))
        raise ConfigError(f"{sql_file(template).name} has no statement {name}; it has {known}")
    found = whole_statement(template, name)
    for unknown in sorted(placeholders(found.text) - {_DATASET, *readable}):
        raise ConfigError(f"{{{unknown}}} of {name}: {no_placeholder([_DATASET, *readable])}")
    for table in foreign_tables(found.text, names_given([found.text])):
        raise ConfigError(f"{name}: {foreign_table(table)}")
    known_types = parameter_types(template)
    for parameter, kind in found.parameters.items():
        if wrong := wrong_parameter(parameter, kind, known_types):
            raise ConfigError(wrong)
    return found


def foreign_table(table: str) -> str:
    """The message that a statement may not read a table, and how it reads the tenant's own tables."""
    if not re.search(r"\w", table) or table.lower() in CHANGES:
        return f"must be one query, which begins with SELECT or WITH; {table} is refused"
    if table.endswith("()"):
        return f"{table} is refused: call only BigQuery's own functions; after FROM and JOIN, only UNNEST(...)"
    name = table.rstrip("`").rpartition(".")[2]
    own = f"{{dataset}}.{name if name in get_tables('tenant_dataset') else 'gcp_cost_billing'}"
    return (
        f"{table} is not in the dataset of the run's tenant: write {own}; after FROM and JOIN write only"
        " {dataset}.table, {step}, a name of the statement's WITH, UNNEST(...) or a query in parentheses"
    )


def bounded_statements(template: Template) -> set[str]:
    """The statements that may read only the run's published rows: of steps and reconciliations, and their parts."""
    asked = [step.with_.query for step in template.steps if isinstance(step, SqlStep)]
    for check in template.checks:
        if isinstance(check, Reconciliation):
            asked += [side.query for side in (check.with_.observed, check.with_.expected) if side.query is not None]
    return _with_their_parts(template, asked)


def statements_sent(template: Template) -> set[str]:
    """The statements that a run sends, and the parts that they name."""
    checked = [check.with_.query for check in template.checks if isinstance(check, SqlCheck)]
    billed = [target.billed for target in template.publish]
    return bounded_statements(template) | _with_their_parts(template, [*checked, *billed])


def _with_their_parts(template: Template, asked: list[str]) -> set[str]:
    known, found = template_statements(template), set[str]()
    while asked:
        name = asked.pop()
        if name in known and name not in found:
            found.add(name)
            asked += _named_in(known[name].text)
    return found


def _named_in(text: str) -> set[str]:
    try:
        return placeholders(text)
    except ValueError:  # a single brace; `validate` reports it
        return set()


def sourced_tables() -> set[str]:
    """The tables of a tenant that hold rows of several sources."""
    tables = get_tables("tenant_dataset").items()
    return {name for name, table in tables if any(column.name == "x_source" for column in table.columns)}


def no_placeholder(known: Sequence[str]) -> str:
    """The message about an unknown placeholder, with the known ones."""
    return f"no step, table or placeholder has that name; known are {', '.join(known)}"


def wrong_parameter(name: str, kind: str, known: Mapping[str, str]) -> str | None:
    """The problem of a declared parameter, in words."""
    if name not in known:
        return f"@{name} is unknown; known are {', '.join(sorted(known))}"
    return None if kind == known[name] else f"@{name} is {known[name]}, not {kind}"


@contextmanager
def _named_in_errors(place: str) -> Iterator[None]:
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"{place}: {error.message}") from error


def whole_statement(template: Template, name: str) -> Statement:
    """A template's statement in which its parts are filled in. A name that is also a step's id means the step."""
    steps = {step.id for step in template.steps}
    parts = {key: value for key, value in template_statements(template).items() if key not in steps}
    return _with_parts(template_statements(template)[name], _without(parts, name))


def _with_parts(found: Statement, parts: Mapping[str, Statement]) -> Statement:
    inner = sorted(placeholders(found.text) & parts.keys())
    return found.naming(**{name: _with_parts(parts[name], _without(parts, name)) for name in inner})


def _without(parts: Mapping[str, Statement], name: str) -> Mapping[str, Statement]:
    """The parts that a part may name: all except itself, because a part cannot contain itself."""
    return {key: value for key, value in parts.items() if key != name}


def earlier_steps(template: Template, step: SqlStep) -> list[str]:
    """The template's steps before this one."""
    ids = [each.id for each in template.steps]
    return ids[: ids.index(step.id)]


def parameter_types(template: Template) -> dict[str, str]:
    """The parameters that a sql step's statement may declare, and their types."""
    own = {name: _TYPES[parameter.type] for name, parameter in template.parameters.items()}
    return {**RUN_VALUES, **own, **dict.fromkeys(template.lookups, "STRING")}


def steps_read(statement: Statement) -> set[str]:
    """The steps whose staging tables a statement reads."""
    return placeholders(statement.text) - {_DATASET}


def filled(statement: Statement, staged: Mapping[str, str]) -> Statement:
    """The statement with the staging tables of its steps filled in. `staged` has them as `{staging}.name`."""
    return statement.naming(**{step_id: staged[step_id] for step_id in steps_read(statement)})


def day_column(table: str, column: str) -> str | Statement:
    """The SQL of a row's day: a DATE column, or the UTC date of a TIMESTAMP."""
    types = {item.name: item.type for item in get_table("tenant_dataset", table).columns}
    if types.get(column) != "TIMESTAMP":
        return column
    return Statement("day", "DATE({column})", {}).naming(column=column)
