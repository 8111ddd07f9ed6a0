"""Defines pipeline templates, and resolves the parameters of a request against a template."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import date
from typing import Any, Literal

from pydantic import Field

from shared.domain.credentials.credentials import Provider
from shared.domain.credentials.google_names import table_name
from shared.domain.templates.check_options import Check, ColumnName
from shared.domain.templates.config_problems import Place
from shared.domain.templates.grain import Grain, covered_in_words, days_between, whole_days
from shared.domain.templates.step_options import Bytes, Lookup, Name, SqlStep, Step, Strict
from shared.errors import InvalidInput

BUILT_IN = frozenset({"tenant_id", "pipeline_id", "date", "start_date", "end_date"})
# Every statement of a sql step may declare these parameters, besides the template's own parameters and lookups.
RUN_VALUES = {
    "source": "STRING",
    "dates": "ARRAY<DATE>",
    "snapshot_at": "TIMESTAMP",
    "pipeline_logging_id": "STRING",
    "tenant_id": "STRING",
}
# A check also gives these parameters to a statement, so a template may not have parameters with these names.
CHECK_VALUES = frozenset({"check_id", "counted", "tolerance"})
_DATES = frozenset({"date", "start_date", "end_date"})
_PLACEHOLDER = re.compile(r"\{([a-z_][a-z0-9_]*)\}")
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
EARLIEST_DAY = date(2008, 1, 1)  # no cloud has older bills
ASKS_FOR_BACKFILL = frozenset({"split", "preview"})  # no template's parameter may have these names
LATEST_DAY = date(2199, 12, 31)  # the day after it is still a valid date
MAX_DAYS = 4_000  # one BigQuery job may change this number of daily partitions


class Parameter(Strict):
    """A parameter that a request may set. A `table` is a `project.dataset.table`, and bounds are inclusive."""

    type: Literal["string", "integer", "boolean", "table"]
    description: str
    default: str | int | bool | None = None
    minimum: int | None = None
    maximum: int | None = None
    max_length: int = 1024
    values: list[str] | None = None

    def as_meant(self, value: Any) -> Any:
        """The value in the form that runs use. A ValueError names the rule that the value breaks."""
        if self.type == "boolean":
            _require(isinstance(value, bool), "must be true or false")
        elif self.type == "integer":
            _require(isinstance(value, int) and not isinstance(value, bool), "must be an integer")
            _require(self.minimum is None or value >= self.minimum, f"must be at least {self.minimum}")
            _require(self.maximum is None or value <= self.maximum, f"must be at most {self.maximum}")
        else:
            _require(isinstance(value, str), "must be a string")
            _require(len(value) <= self.max_length, f"must be at most {self.max_length} characters")
            _require(self.values is None or value in self.values, f"must be one of {', '.join(self.values or [])}")
            return table_name(value) if self.type == "table" else value
        return value


class Target(Strict):
    """A table that the run publishes, the step with its rows, and the column with a row's day."""

    table: Name
    step: Name
    date_column: ColumnName
    billed: Name  # the template's statement that adds up rows and cost by day and currency


class TemplateDocument(Strict):
    """A pipeline: its parameters, steps, checks and published tables."""

    description: str
    owner: str
    credentials: Provider
    parameters: dict[Name, Parameter] = Field(default={})
    lookups: dict[Name, Lookup] = Field(default={})
    include: list[Name] = Field(default=[])  # files of configs/sql, whose statements are then the template's own
    max_bytes_billed: Bytes | None = None
    source_parameter: Name | None = None
    max_days: int = Field(default=400, ge=1, le=MAX_DAYS)
    grain: Grain = "day"
    # How many days after their end billing periods in focus_cost are final. Without it they are final when all their
    # charges are invoiced.
    final_after_days: int | None = Field(default=None, ge=0, le=366)
    steps: list[Step] = Field(min_length=1)
    checks: list[Check] = Field(default=[])
    publish: list[Target] = Field(min_length=1)


class Template(TemplateDocument):
    """A pipeline with the facts of its file's path. `folder` has its SQL; `edition` changes when the file changes."""

    provider: Name
    domain: Name
    template: Name
    folder: str | None = None
    edition: str = ""

    @property
    def pipeline_id(self) -> str:
        """The pipeline's id in tables and answers, for example gcp-cost-billing."""
        return f"{self.provider}-{self.domain}-{self.template}"

    @property
    def can_find_days(self) -> bool:
        """Whether a run without dates finds its days by itself, because it reads a source."""
        return any(not isinstance(step, SqlStep) for step in self.steps)

    def days_covered(self, first: date, last: date) -> list[date]:
        """The days that a run of these requested days reads and replaces, both ends included.

        With grain billing_period they are the first days of the billing periods of these months.
        """
        return whole_days(days_between(first, last), self.grain)

    def placeholders(self) -> Iterator[tuple[Place, str, bool]]:
        """The placeholders in the options of steps and checks: place, name, and whether it is the whole value."""
        given: list[tuple[Place, Any]] = [
            *((("steps", index, "with"), step.with_.model_dump()) for index, step in enumerate(self.steps)),
            *((("checks", index, "with"), check.with_.given()) for index, check in enumerate(self.checks)),
        ]
        for item, options in given:
            for place, text in _texts(options, item):
                for name in _PLACEHOLDER.findall(text):
                    yield place, name, text == f"{{{name}}}"


def _require(holds: object, message: str) -> None:
    if not holds:
        raise ValueError(message)


def _texts(value: Any, place: Place) -> Iterator[tuple[Place, str]]:
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(item, (*place, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, (*place, index))


def substitute(value: Any, variables: Mapping[str, Any]) -> Any:
    """`value` with filled placeholders. If a placeholder is the whole text, its value keeps its type, even None."""
    if isinstance(value, Mapping):
        return {key: substitute(item, variables) for key, item in value.items()}
    if isinstance(value, list):
        return [substitute(item, variables) for item in value]
    if not isinstance(value, str):
        return value
    whole = _PLACEHOLDER.fullmatch(value)
    if whole:
        return variables[whole[1]]

    def filled(match: re.Match[str]) -> str:
        found = variables[match[1]]
        if found is None:
            raise InvalidInput.of_field(match[1], "is missing; this pipeline needs it")
        return str(found)

    return _PLACEHOLDER.sub(filled, value)


def template_variables(template: Template, tenant_id: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The value of each placeholder in a run with these resolved parameters. Dates are None if the run has none."""
    day = parameters.get("date")
    return {
        "tenant_id": tenant_id,
        "pipeline_id": f"{tenant_id}-{template.pipeline_id}",
        "date": day,
        "start_date": day or parameters.get("start_date"),
        "end_date": day or parameters.get("end_date"),
        **{name: parameters.get(name, parameter.default) for name, parameter in template.parameters.items()},
    }


def resolve_parameters(
    template: Template, body: Mapping[str, Any], *, today: date = LATEST_DAY, beside: Collection[str] = ()
) -> dict[str, Any]:
    """Check the dates and parameters in a request's body and fill in defaults.

    `{"date"}` is one day, `{"start_date", "end_date"}` a range (both inclusive); a run without them is incremental.
    Days are UTC days. If `today` is given, no day may be after it. InvalidInput names every bad field, and for an
    unknown one the fields that there are, with those that the caller takes `beside` the parameters. Resolved parameters
    can be resolved again without a change.
    """
    found: list[dict[str, str]] = []
    resolved: dict[str, Any] = {}
    for name, value in body.items():
        try:
            resolved[name] = _checked(template, name, value, today, beside)
        except ValueError as error:
            found.append({"field": name, "message": str(error)})
    found = found or _range_errors(template, resolved)
    if found:
        raise InvalidInput.of_fields(found)
    defaults = {n: p.default for n, p in template.parameters.items() if p.default is not None}
    return {**defaults, **resolved}


def _checked(template: Template, name: str, value: Any, today: date, beside: Collection[str]) -> Any:
    if name in _DATES:
        _require(isinstance(value, str) and _ISO_DATE.fullmatch(value), "must be a date, YYYY-MM-DD")
        try:
            day = date.fromisoformat(value)
        except ValueError:
            raise ValueError("is not a day of the calendar") from None
        _require(day >= EARLIEST_DAY, f"must not be before {EARLIEST_DAY}")
        _require(day <= LATEST_DAY, f"must not be after {LATEST_DAY}")
        _require(day <= today, f"must not be after today, {today} in UTC")
        return value
    parameter = template.parameters.get(name)
    if parameter is None:
        known = ", ".join(sorted({*_DATES, *template.parameters, *beside}))
        raise ValueError(f"is unknown; this pipeline takes {known}")
    return parameter.as_meant(value)


def _range_errors(template: Template, resolved: Mapping[str, Any]) -> list[dict[str, str]]:
    start, end = resolved.get("start_date"), resolved.get("end_date")
    if "date" in resolved and (start or end):
        return [{"field": "date", "message": "give either date or start_date and end_date"}]
    if bool(start) != bool(end):
        missing = "end_date" if start else "start_date"
        return [{"field": missing, "message": "start_date and end_date go together"}]
    if start and end:
        first, last = date.fromisoformat(start), date.fromisoformat(end)
        if first > last:
            return [{"field": "start_date", "message": "must not be after end_date"}]
        days = len(template.days_covered(first, last))
        if days > template.max_days:
            message = f"the range has {covered_in_words(days, template.grain)}, at most {template.max_days} allowed"
            message += '; a backfill has one run a month: add "split": "month"'
            return [{"field": "end_date", "message": message}]
    if not start and "date" not in resolved and not template.can_find_days:
        return [{"field": "date", "message": "this pipeline needs it, or start_date and end_date"}]
    variables = template_variables(template, "", resolved)
    needed = {name for _, name, whole in template.placeholders() if not whole and variables[name] is None}
    return [{"field": name, "message": "is missing; this pipeline needs it"} for name in sorted(needed)]


def source_of(template: Template, parameters: Mapping[str, Any], credential_source: str | None) -> str | None:
    """The x_source that a run loads. Its parameters name it, or else the credential; None if neither does."""
    named = parameters.get(template.source_parameter) if template.source_parameter else None
    return f"{template.provider}:{named}" if named else credential_source
