"""Builds the statements that a run of a template sends, with the product's own code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from functools import cache

from shared.adapters.bigquery.sql import Statement, placeholders
from shared.authoring.sample_values import sample_options
from shared.configuration.tables import get_tables
from shared.domain.templates.step_options import SqlStep
from shared.domain.templates.templates import Template
from shared.pipeline.check_statements import Checked, RenderedCheck, render_checks
from shared.pipeline.guards import render_guards
from shared.pipeline.shapes import shape_name
from shared.pipeline.statements import filled, parameter_types, step_statement, steps_read, whole_statement
from tools.sqljudge.analyse import Analysed, SqlRefused, analyse
from tools.sqljudge.catalog import Tables, field_type

DATASETS = {"tenants": "tenants", "dataset": "acme_corp", "staging": "x_staging"}


@cache
def tables() -> Tables:
    """The columns of central, tenant and staging tables; a staging table has the columns of its target."""
    known = {("tenants", name): table for name, table in get_tables("tenants").items()}
    for name, table in get_tables("tenant_dataset").items():
        known[DATASETS["dataset"], name] = known[DATASETS["staging"], f"staged_{name}"] = table
    return {key: [column.to_api() for column in table.columns] for key, table in known.items()}


def sql_of(statement: Statement) -> str:
    """A statement's SQL with the datasets that the analyser knows."""
    return statement.sql(**{name: DATASETS[name] for name in placeholders(statement.text)})


def analysed(statement: Statement) -> list[Analysed]:
    """The result of Google's analyser for a statement; raises SqlRefused if it is wrong."""
    return analyse(sql_of(statement), tables(), statement.parameters)


def staged_tables(template: Template) -> dict[str, str]:
    """Each step's staging table, as `{staging}.name`."""
    return {step.id: f"{{staging}}.staged_{shape_name(template, step.id)}" for step in template.steps}


def rendered_checks(template: Template, *, guards: bool = True) -> list[RenderedCheck]:
    """A template's checks, with sample options in the placeholders. `guards` adds the checks that every run makes."""
    staged = staged_tables(template)
    dates: dict[str, list[date]] = {step: [] for step in staged}
    values = dict.fromkeys(parameter_types(template))
    checked = Checked(staged=staged, dates=dates, counted={step: [] for step in staged}, values=values)
    given = {check.id: sample_options(template, check) for check in template.checks}
    return [*render_checks(template, given, checked), *(render_guards(template, checked) if guards else ())]


def template_statement(template: Template, name: str) -> Statement:
    """A statement of a template with its nested statements. It reads the staging tables of the template's steps."""
    staged, whole = staged_tables(template), whole_statement(template, name)
    for target in template.publish:
        if target.billed == name:
            whole = whole.naming(rows=staged[target.step])
    return whole.naming(**staged)


def sql_steps(template: Template) -> Iterator[tuple[SqlStep, Statement]]:
    """Each sql step with its statement over the staging tables of the steps it reads."""
    staged = staged_tables(template)
    for step in template.steps:
        if isinstance(step, SqlStep):
            found = step_statement(template, step)
            yield step, filled(found, {name: staged[name] for name in steps_read(found)})


def result_columns(statement: Statement) -> dict[str, str]:
    """The columns of a query's result and their types, as the analyser sees them."""
    found, *others = analysed(statement)
    if others or found.kind != "ResolvedQueryStmt":
        raise SqlRefused("must be one query, such as SELECT")
    return {column.name: str(column.column.type) for column in found.tree.output_column_list}


def shape_columns(shape: str) -> Mapping[str, str]:
    """The columns that the result of a step of this shape must have, and their types."""
    return {item.name: str(field_type(item.to_api())) for item in get_tables("tenant_dataset")[shape].columns}
