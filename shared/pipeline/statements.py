"""The statements of a template's .sql file: found, held against what a run can fill in, and filled in."""

from __future__ import annotations

from collections.abc import Mapping

from shared.adapters.sql import Statement, load_statements, placeholders
from shared.domain.template_steps import SqlStep
from shared.domain.templates import RUN_VALUES, Target, Template
from shared.errors import ConfigError
from shared.tables import get_table
from shared.templates import sql_file

_TYPES = {"string": "STRING", "table": "STRING", "integer": "INT64", "boolean": "BOOL"}
_DATASET = "dataset"


def step_statement(template: Template, step: SqlStep) -> Statement:
    """A sql step's statement, its placeholders open; ConfigError naming the step when a run could not fill it."""
    place = f"{template.pipeline_id}: steps.{step.id}"
    found = load_statements(sql_file(template)).get(step.with_.query)
    if found is None:
        raise ConfigError(f"{place}.with.query: {sql_file(template).name} has no statement {step.with_.query}")
    earlier = _earlier(template, step)
    for name in sorted(placeholders(found.text) - {_DATASET, *earlier}):
        raise ConfigError(f"{place}.with.query: {{{name}}} is no earlier step")
    known = parameter_types(template)
    for name, kind in found.parameters.items():
        if name not in known:
            raise ConfigError(f"{place}.with.query: nobody gives @{name}; there are {', '.join(sorted(known))}")
        if kind != known[name]:
            raise ConfigError(f"{place}.with.query: @{name} is {known[name]}, not {kind}")
    return found


def _earlier(template: Template, step: SqlStep) -> list[str]:
    ids = [each.id for each in template.steps]
    return ids[: ids.index(step.id)]


def parameter_types(template: Template) -> dict[str, str]:
    """The type of everything that a sql step's statement may declare as a parameter."""
    own = {name: _TYPES[parameter.type] for name, parameter in template.parameters.items()}
    return {**RUN_VALUES, **own, **dict.fromkeys(template.lookups, "STRING")}


def steps_read(statement: Statement) -> set[str]:
    """The steps whose staging tables a statement reads."""
    return placeholders(statement.text) - {_DATASET}


def filled(statement: Statement, staged: Mapping[str, str]) -> Statement:
    """The statement with its steps' staging tables, which `staged` gives as `{staging}.name`."""
    return statement.naming(**{step_id: staged[step_id] for step_id in steps_read(statement)})


def day_column(target: Target) -> str | Statement:
    """By what a target's days are told in SQL: its date column, or the UTC date of one that is a TIMESTAMP."""
    columns = {column.name: column.type for column in get_table("tenant_dataset", target.table).columns}
    if columns.get(target.date_column) != "TIMESTAMP":
        return target.date_column
    return Statement("day", "DATE({column})", {}).naming(column=target.date_column)
