"""Turns a YAML document into a template, or reports all its problems with file, line and field."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from shared.domain.templates.check_options import NotEmptied, NullRates, Reconciliation
from shared.domain.templates.config_problems import Place, error_places, in_words, listed
from shared.domain.templates.grain import BILLING_PERIOD_COLUMNS, Grain
from shared.domain.templates.step_options import SqlStep
from shared.domain.templates.templates import ASKS_FOR_BACKFILL, BUILT_IN, CHECK_VALUES, RUN_VALUES, Template
from shared.errors import ConfigError

_RESERVED_NAMES = BUILT_IN | RUN_VALUES.keys() | CHECK_VALUES | ASKS_FOR_BACKFILL
_RESERVED_STEPS = frozenset({"checks", "publish", "dataset", "staging", "tenants"})
_OF_THE_PATH = ("provider", "domain", "template", "folder", "edition")


def parse_template(
    document: Any,
    *,
    provider: str,
    domain: str,
    template: str,
    file: str,
    folder: str | None = None,
    edition: str = "",
    line_of: Callable[[Place], int] = lambda _: 1,
) -> Template:
    """The template in a YAML document of the folder. ConfigError has one line for each problem."""
    if not isinstance(document, Mapping):
        raise ConfigError(in_words(file, 1, (), "must be a mapping"))
    given = [((name,), "follows from the file's path") for name in _OF_THE_PATH if name in document]
    _refuse(file, given, line_of)
    names = {"provider": provider, "domain": domain, "template": template, "folder": folder, "edition": edition}
    try:
        parsed = Template.model_validate({**document, **names})
    except ValidationError as error:
        raise _error(file, error_places(error, document), line_of) from error
    _refuse(file, list(_inconsistencies(parsed)), line_of)
    return parsed


def _refuse(file: str, problems: Sequence[tuple[Place, str]], line_of: Callable[[Place], int]) -> None:
    if problems:
        raise _error(file, problems, line_of)


def _error(file: str, problems: Sequence[tuple[Place, str]], line_of: Callable[[Place], int]) -> ConfigError:
    return ConfigError(listed(file, problems, line_of))


def _inconsistencies(template: Template) -> Iterator[tuple[Place, str]]:
    """The problems that show only when parts of a template are compared."""
    yield from _repeated("steps", [step.id for step in template.steps], "id")
    yield from _repeated("checks", [check.id for check in template.checks], "id")
    yield from _repeated("publish", [target.table for target in template.publish], "table")
    for index, step in enumerate(template.steps):
        if step.id in _RESERVED_STEPS:
            yield ("steps", index, "id"), f"{step.id} is reserved; choose another name"
        if not isinstance(step, SqlStep) and step.reads != template.grain:
            yield ("steps", index, "uses"), _unfit(step.uses, step.reads, template.grain)
    if template.grain == "billing_period":
        for index, target in enumerate(template.publish):
            if target.date_column not in BILLING_PERIOD_COLUMNS:
                expected = " or ".join(BILLING_PERIOD_COLUMNS)
                yield ("publish", index, "date_column"), f"must be {expected}: whole billing periods are replaced"
    yield from _unknown_steps(template)
    yield from _parameter_problems(template)
    for place, name, _ in template.placeholders():
        if name not in BUILT_IN and name not in template.parameters:
            yield place, f"unknown placeholder {{{name}}}"
    yield from _unpublished(template)


_OTHERS: Mapping[Grain, str] = {"month": "sql steps", "billing_period": "steps that read billing periods"}


def _unfit(uses: str, reads: Grain, grain: Grain) -> str:
    if reads == "day":
        return f"{uses} reads days, so it cannot be a step of a pipeline with grain: {grain}; use {_OTHERS[grain]}"
    return f"{uses} reads whole billing periods; set grain: {reads}"


def _repeated(group: str, names: Sequence[str], field: str) -> Iterator[tuple[Place, str]]:
    for index, name in enumerate(names):
        if name in names[:index]:
            yield (group, index, field), f"{name} is used twice; each needs its own {field}"


def _unknown_steps(template: Template) -> Iterator[tuple[Place, str]]:
    steps = {step.id for step in template.steps}
    named: list[tuple[Place, str]] = [
        (("publish", index, "step"), target.step) for index, target in enumerate(template.publish)
    ]
    for index, check in enumerate(template.checks):
        named.append((("checks", index, "step"), check.step))
        if isinstance(check, Reconciliation):
            sides = {"observed": check.with_.observed.step, "expected": check.with_.expected.step}
            named += [(("checks", index, "with", side, "step"), step) for side, step in sides.items() if step]
    yield from ((place, f"there is no step {step}") for place, step in named if step not in steps)


def _parameter_problems(template: Template) -> Iterator[tuple[Place, str]]:
    for name in template.lookups:
        if name in _RESERVED_NAMES:
            yield ("lookups", name), "is reserved; choose another name"
    for name, parameter in template.parameters.items():
        if name in _RESERVED_NAMES:
            yield ("parameters", name), "is reserved; choose another name"
        if name in template.lookups:
            yield ("parameters", name), "is also the name of a lookup; rename one"
        if parameter.default is not None:
            try:
                parameter.as_meant(parameter.default)
            except ValueError as error:
                yield ("parameters", name, "default"), str(error)
    if template.source_parameter is not None and template.source_parameter not in template.parameters:
        yield ("source_parameter",), f"there is no parameter {template.source_parameter}"


def _unpublished(template: Template) -> Iterator[tuple[Place, str]]:
    """The checks that compare with a published table although their step is not published."""
    for index, check in enumerate(template.checks):
        targets = [target.table for target in template.publish if target.step == check.step]
        if isinstance(check, NotEmptied | NullRates):
            if check.with_.table not in targets:
                yield ("checks", index, "with", "table"), f"{check.step} is not published into {check.with_.table}"
        elif check.uses in ("matches_source", "freshness") and not targets:
            yield ("checks", index, "step"), f"{check.step} is not published, and {check.uses} needs that"
