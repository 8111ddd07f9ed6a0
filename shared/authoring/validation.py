"""Validates template files: their structure, and the SQL, tables and lookups that they name."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from shared.adapters.bigquery.sql import load_statements
from shared.authoring.check_problems import DAYS, Problems, check_problems, column_problems
from shared.authoring.publish_problems import comparison_problems, publish_problems
from shared.authoring.sample_values import sample_options
from shared.configuration.files import load_document
from shared.configuration.lookups import get_lookup
from shared.configuration.platform_config import CONFIGS
from shared.configuration.tables import get_tables
from shared.configuration.templates import PROVIDERS, included_file, read_template, sql_file
from shared.domain.requests.identifiers import is_template_part
from shared.domain.templates.check_options import Check, Reconciliation, SqlCheck
from shared.domain.templates.config_problems import Place
from shared.domain.templates.step_options import SqlStep
from shared.domain.templates.templates import Template
from shared.errors import ConfigError, ConvergenceError
from shared.pipeline.check_statements import Checked, render_checks
from shared.pipeline.publish import publish_statement
from shared.pipeline.row_days import grain_problems
from shared.pipeline.shapes import no_table
from shared.pipeline.sql_places import shown_path
from shared.pipeline.sql_problems import sql_problems
from shared.pipeline.statements import (
    earlier_steps,
    parameter_types,
    statements_sent,
    template_statements,
    usable_statement,
)


def template_files(path: Path) -> list[Path]:
    """The template files at a path: the file itself, or every <provider>/<domain>/<template>.yml in the folder."""
    if path.is_file():
        return [path.resolve()]
    if not path.is_dir():
        raise ConfigError(f"{path}: there is no such file or folder")
    found = [file for file in sorted(path.resolve().rglob("*.yml")) if _is_below_a_provider(file)]
    if not found:
        raise ConfigError(f"{path}: holds no <provider>/<domain>/<template>.yml; providers are {', '.join(PROVIDERS)}")
    return found


def _is_below_a_provider(path: Path) -> bool:
    # The project's own folder may have the name of a provider, and holds no template beside platform.yml.
    return path.resolve().parts[-3] in PROVIDERS and path.resolve().parent != CONFIGS.resolve()


def problems_of(path: Path) -> Sequence[str]:
    """The problems of a template's file, one line for each; empty if a run can use it."""
    file = shown_path(path)
    if path.suffix != ".yml":
        given = path.with_name(f"{path.name.partition('.')[0]}.yml")
        return [f"{file}:1: is no template; give its .yml, as {shown_path(given)}, and its SQL is read with it"]
    if not _is_below_a_provider(path) or not all(map(is_template_part, (path.parts[-2], path.stem))):
        return [f"{file}:1: is not at <provider>/<domain>/<template>.yml; providers are {', '.join(PROVIDERS)}"]
    try:
        template = read_template(path, file=file)
        get_tables("tenant_dataset")  # a problem in a table is reported with the table's file
        in_sql = _problems_in_sql(template)
        problems = list(_problems(template, is_sql_right=not in_sql))
        if not problems and not in_sql:
            problems = [*grain_problems(template), *comparison_problems(template), *_composition(template)]
        in_yaml = load_document(path, file=file).error(problems).message.splitlines() if problems else []
    except ConfigError as error:
        return error.message.splitlines()
    return [*in_yaml, *in_sql]


def _problems_in_sql(template: Template) -> Sequence[str]:
    file = sql_file(template)
    if not file.is_file() and not template.include:
        raise ConfigError(f"{shown_path(file)}:1: there is no such file; a template's SQL must be in the same folder")
    try:
        return sql_problems(template)
    except ConfigError as error:  # the error names the file; its statements cannot be separated
        raise ConfigError(f"{shown_path(file)}:1: {error.message}") from error


def _problems(template: Template, *, is_sql_right: bool) -> Problems:
    for name in template.lookups:
        yield from _tried(("lookups", name, "file"), partial(get_lookup, template, name))
    yield from _unused(template)
    for index, step in enumerate(template.steps):
        if isinstance(step, SqlStep):
            options: Place = ("steps", index, "with")
            earlier = earlier_steps(template, step)
            yield from _statement((*options, "query"), template, step.with_.query, earlier, is_sql_right=is_sql_right)
            if step.with_.shape not in get_tables("tenant_dataset"):
                yield (*options, "shape"), no_table(step.with_.shape)
    for index, target in enumerate(template.publish):
        table = get_tables("tenant_dataset").get(target.table)
        if table is None:
            yield ("publish", index, "table"), no_table(target.table)
        else:
            yield from column_problems(("publish", index, "date_column"), table, [target.date_column], DAYS)
            yield from publish_problems(template, ("publish", index), target, table)
        if target.billed not in template_statements(template):
            yield ("publish", index, "billed"), f"its SQL has no statement {target.billed}"
    for index, check in enumerate(template.checks):
        yield from check_problems(template, ("checks", index, "with"), check)
        for place, query in _queries(check):
            steps = [step.id for step in template.steps]
            whole = ("checks", index, "with", *place, "query")
            yield from _statement(whole, template, query, steps, is_sql_right=is_sql_right)


def _unused(template: Template) -> Problems:
    """The statements of included files that the template does not use: a check that was forgotten."""
    sent = statements_sent(template)
    for index, name in enumerate(template.include):
        for unused in load_statements(included_file(template, name)).keys() - sent:
            yield ("include", index), f"{name}.sql has {unused}, which no step, check or publish uses"


def _queries(check: Check) -> Sequence[tuple[Place, str]]:
    if isinstance(check, SqlCheck):
        return [((), check.with_.query)]
    if isinstance(check, Reconciliation):
        sides = {"observed": check.with_.observed.query, "expected": check.with_.expected.query}
        return [((side,), query) for side, query in sides.items() if query is not None]
    return []


def _statement(place: Place, template: Template, name: str, readable: Sequence[str], *, is_sql_right: bool) -> Problems:
    """The problems of filling a statement in a run. If others are wrong, it checks only whether this one exists."""
    if is_sql_right or name not in template_statements(template):
        yield from _tried(place, partial(usable_statement, template, name, readable))


def _composition(template: Template) -> Problems:
    """The problems of composing the statements that a run sends."""
    staged = {step.id: f"{{staging}}.{step.id}" for step in template.steps}
    empty = Checked(
        staged=staged,
        dates=dict.fromkeys(staged, ()),
        counted=dict.fromkeys(staged, ()),
        values=dict.fromkeys(parameter_types(template)),
    )
    yield from _tried(("publish",), partial(publish_statement, template, staged))
    for index, check in enumerate(template.checks):
        alone, given = template.model_copy(update={"checks": [check]}), {check.id: sample_options(template, check)}
        yield from _tried(("checks", index), partial(render_checks, alone, given, empty))


def _tried(place: Place, load: partial[Any]) -> Problems:
    try:
        load()
    except (ConvergenceError, OSError, ValueError) as error:
        yield place, str(error)


def all_template_files() -> list[Path]:
    """Every template under configs/."""
    return template_files(CONFIGS)
