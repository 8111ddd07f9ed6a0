"""What is wrong with template files: what loading tells, and whether the SQL, tables and lookups they name exist."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from shared.config_files import load_document
from shared.domain.config_problems import Place
from shared.domain.identifiers import is_template_part
from shared.domain.template_checks import Check, Reconciliation, SqlCheck, Totals
from shared.domain.template_steps import SqlStep
from shared.domain.templates import Template
from shared.errors import ConfigError, ConvergenceError
from shared.lookups import get_lookup
from shared.pipeline.check_statements import Checked, render_checks
from shared.pipeline.publish import publish_statement
from shared.pipeline.statements import check_statement, parameter_types, step_statement, template_statements
from shared.platform_config import CONFIGS
from shared.tables import Table, get_tables
from shared.templates import PROVIDERS, load_template

Problems = Iterator[tuple[Place, str]]


def template_files(path: Path) -> list[Path]:
    """The template files that a path means: itself, or all in a folder, by <provider>/<domain>/<template>.yml."""
    if path.is_file():
        return [path.resolve()]
    if not path.is_dir():
        raise ConfigError(f"{path}: there is no such file or folder")
    found = [file for file in sorted(path.resolve().rglob("*.yml")) if file.parts[-3] in PROVIDERS]
    if not found:
        raise ConfigError(f"{path}: holds no <provider>/<domain>/<template>.yml; providers are {', '.join(PROVIDERS)}")
    return found


def shown_path(path: Path) -> str:
    """A template's path as errors name it."""
    return "/".join(path.parts[-3:])


def problems_of(path: Path) -> Sequence[str]:
    """Everything that is wrong with a template's file, a line each; empty when a run could use it."""
    file = shown_path(path)
    if path.parts[-3] not in PROVIDERS or not all(map(is_template_part, (path.parts[-2], path.stem))):
        return [f"{file}:1: is not at <provider>/<domain>/<template>.yml; providers are {', '.join(PROVIDERS)}"]
    try:
        template = load_template(path)
        if template is None:
            return [f"{file}:1: there is no such file"]
        problems = list(_problems(template)) or list(_composition(template))
        if problems:
            raise load_document(path, file=file).error(problems)
    except ConfigError as error:
        return error.message.splitlines()
    return []


def _problems(template: Template) -> Problems:
    try:
        template_statements(template)
    except (ConfigError, OSError) as error:
        yield (), f"its SQL: {error}"
        return
    for name in template.lookups:
        yield from _tried(("lookups", name, "file"), partial(get_lookup, template, name))
    for index, step in enumerate(template.steps):
        if isinstance(step, SqlStep):
            place = ("steps", index, "with")
            yield from _tried((*place, "query"), partial(step_statement, template, step))
            if step.with_.shape not in get_tables("tenant_dataset"):
                yield (*place, "shape"), f"there is no table {step.with_.shape} in configs/tables/tenant_dataset"
    for index, target in enumerate(template.publish):
        table = get_tables("tenant_dataset").get(target.table)
        if table is None:
            yield ("publish", index, "table"), f"there is no table {target.table} in configs/tables/tenant_dataset"
        else:
            yield from _unknown_columns(("publish", index, "date_column"), table, [target.date_column])
        if target.billed not in template_statements(template):
            yield ("publish", index, "billed"), f"its SQL has no statement {target.billed}"
    for index, check in enumerate(template.checks):
        yield from _check_problems(template, ("checks", index, "with"), check)


def _check_problems(template: Template, place: Place, check: Check) -> Problems:
    options = check.with_.given()
    table = staged_shape(template, check.step)
    for name in ("column", "columns", "sample_columns"):
        if table and name in options:
            columns = options[name] if isinstance(options[name], list) else [options[name]]
            yield from _unknown_columns((*place, name), table, columns)
    if isinstance(check, SqlCheck):
        yield from _tried((*place, "query"), partial(check_statement, template, check, check.with_.query))
    if isinstance(check, Reconciliation):
        for side, totals in (("observed", check.with_.observed), ("expected", check.with_.expected)):
            yield from _side_problems(template, (*place, side), check, totals)


def _side_problems(template: Template, place: Place, check: Reconciliation, totals: Totals) -> Problems:
    query = totals.query
    if query is not None:
        yield from _tried((*place, "query"), partial(check_statement, template, check, query))
        return
    table = staged_shape(template, totals.step) if totals.step else get_tables("tenant_dataset").get(totals.table or "")
    if totals.table and table is None:
        yield (*place, "table"), f"there is no table {totals.table} in configs/tables/tenant_dataset"
    if table and totals.total:
        yield from _unknown_columns((*place, "total"), table, [totals.total])
        yield from _unknown_columns((*place, "keys"), table, totals.keys or check.with_.by)


def staged_shape(template: Template, step_id: str) -> Table | None:
    """The table whose columns a step's staging table has: a sql step's shape, or what an extract is published into."""
    step = next(step for step in template.steps if step.id == step_id)
    published = [target.table for target in template.publish if target.step == step_id]
    name = step.with_.shape if isinstance(step, SqlStep) else next(iter(published), "")
    return get_tables("tenant_dataset").get(name)


def _unknown_columns(place: Place, table: Table, columns: Sequence[str]) -> Problems:
    known = {column.name for column in table.columns}
    for column in columns:
        if column not in known:
            yield place, f"{table.table} has no column {column}"


def _composition(template: Template) -> Problems:
    """Whether the statements a run sends can be put together."""
    staged = {step.id: f"{{staging}}.{step.id}" for step in template.steps}
    empty = Checked(
        staged=staged,
        dates=dict.fromkeys(staged, ()),
        counted=dict.fromkeys(staged, ()),
        values=dict.fromkeys(parameter_types(template)),
    )
    yield from _tried(("publish",), partial(publish_statement, template, staged))
    for index, check in enumerate(template.checks):
        if any(place[:2] == ("checks", index) for place, _, _ in template.placeholders()):
            continue  # only a run's parameters tell
        alone, given = template.model_copy(update={"checks": [check]}), {check.id: check.with_.given()}
        yield from _tried(("checks", index), partial(render_checks, alone, given, empty))


def _tried(place: Place, load: partial[Any]) -> Problems:
    try:
        load()
    except (ConvergenceError, OSError, ValueError) as error:
        yield place, str(error)


def all_template_files() -> list[Path]:
    """Every template under configs/."""
    return template_files(CONFIGS)
