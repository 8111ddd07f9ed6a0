"""Renders a template's checks as SQL. Each check is a statement of shared/sql/pipeline; one job runs all of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from shared.adapters.bigquery.sql import Statement, joined, statement
from shared.configuration.tables import get_table
from shared.domain.templates.check_options import (
    AcceptedValuesOptions,
    Check,
    FreshnessOptions,
    NoOptions,
    NotEmptiedOptions,
    NotNullOptions,
    NullRatesOptions,
    RangeOptions,
    ReconciliationOptions,
    RowCountOptions,
    SqlCheckOptions,
    Totals,
    UniqueOptions,
    resolved,
)
from shared.domain.templates.grain import whole_days
from shared.domain.templates.templates import Target, Template
from shared.errors import InvalidTemplate
from shared.pipeline.statements import check_statement, day_column, filled, template_statements

_ROWS, _TABLES, _COMPARISONS = "pipeline/checks", "pipeline/table_checks", "pipeline/comparisons"


@dataclass(frozen=True)
class RenderedCheck:
    """One statement of the job and its parameters; a check on several columns has several.

    `table` is the table into which the checked rows go, or the step's name if they are not published.
    """

    check_id: str
    uses: str
    step: str
    table: str
    severity: str
    statement: Statement
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Checked:
    """The data that the checks of a run use. By step id it has staging tables (`{staging}.name`), days and counts.

    `values` are the values that every statement of the template may use, except the days.
    """

    staged: Mapping[str, str]
    dates: Mapping[str, Sequence[date]]
    counted: Mapping[str, Sequence[Sequence[Any]]]
    values: Mapping[str, Any]


def render_checks(
    template: Template, options: Mapping[str, Mapping[str, Any]], checked: Checked
) -> list[RenderedCheck]:
    """The checks of a run, by their filled `options`. InvalidTemplate names a check that cannot be rendered."""
    rendered: list[RenderedCheck] = []
    for check in template.checks:
        try:
            rendered += _Rendering(template, resolved(check, options[check.id]), checked).statements()
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidTemplate(f"checks.{check.id}: {error}") from error
    return rendered


def checks_statement(rendered: Sequence[RenderedCheck]) -> tuple[Statement, dict[str, Any]]:
    """All checks as one statement, and its parameters."""
    statements: list[Statement] = []
    values: dict[str, Any] = {}
    for number, item in enumerate(rendered):
        prefix = f"check{number}_"
        check = item.statement.prefixed(prefix)
        statements.append(replace(check, text=f"(\n{check.text}\n)"))  # a check's statement may begin with its own WITH
        values |= {f"{prefix}{name}": value for name, value in item.values.items()}
    return joined("run_checks", statements, "\nUNION ALL\n"), values


def target_of(template: Template, step_id: str, table: str | None = None) -> Target | None:
    """The target into which a step is published: the given table, or the first one."""
    targets = [target for target in template.publish if target.step == step_id]
    return next((target for target in targets if table in (None, target.table)), None)


@dataclass(frozen=True)
class _Rendering:
    template: Template
    check: Check
    checked: Checked

    def statements(self) -> list[RenderedCheck]:
        match self.check.with_:
            case NotNullOptions() as options:
                found = [self._not_null(options, column) for column in options.columns]
            case UniqueOptions() as options:
                found = [self._one(statement(_ROWS, "unique"), columns=options.columns)]
            case AcceptedValuesOptions() as options:
                found = [self._accepted_values(options)]
            case RangeOptions() as options:
                found = [self._range(options)]
            case SqlCheckOptions() as options:
                found = [self._one(statement(_ROWS, "failing_rows"), failing=self._query(options.query))]
            case RowCountOptions() as options:
                found = [self._row_count(options)]
            case FreshnessOptions() as options:
                found = [self._freshness(options)]
            case ReconciliationOptions() as options:
                found = [self._reconciliation(options)]
            case NotEmptiedOptions() as options:
                found = [self._not_emptied(options)]
            case NullRatesOptions() as options:
                found = [self._null_rates(options)]
            case NoOptions():
                found = [self._matches_source()]
        return found

    def _not_null(self, options: NotNullOptions, column: str) -> RenderedCheck:
        shown = self._shown(column, options.sample_columns)
        return self._one(statement(_ROWS, "not_null"), suffix=f".{column}", column=column, shown=shown)

    def _accepted_values(self, options: AcceptedValuesOptions) -> RenderedCheck:
        shown = self._shown(options.column, options.sample_columns)
        found = statement(_ROWS, "accepted_values")
        return self._one(found, {"accepted": options.values}, column=options.column, shown=shown)

    def _range(self, options: RangeOptions) -> RenderedCheck:
        kind = next(_type(bound) for bound in (options.minimum, options.maximum) if bound is not None)
        values = {
            "minimum": options.minimum,
            "maximum": options.maximum,
            "inclusive": options.inclusive,
            "expected": _range_words(options),
        }
        shown = self._shown(options.column, options.sample_columns)
        found = self._one(statement(_ROWS, "range"), values, column=options.column, shown=shown)
        types = {**found.statement.parameters, "minimum": kind, "maximum": kind}
        return replace(found, statement=replace(found.statement, parameters=types))

    def _row_count(self, options: RowCountOptions) -> RenderedCheck:
        if options.last_runs is None:
            return self._one(statement(_TABLES, "row_count"), {"minimum": options.minimum, "maximum": options.maximum})
        values = {
            "step_id": self.check.step,
            "pipeline_id": self.template.pipeline_id,
            "last_runs": options.last_runs,
            "tolerance": (options.tolerance_percent or 0) / 100,
            "by_mean": options.compared_with == "mean",
        }
        return self._one(statement(_TABLES, "row_count_against_runs"), values)

    def _freshness(self, options: FreshnessOptions) -> RenderedCheck:
        target = f"{{dataset}}.{self._target().table}"
        values = {"max_age_hours": options.max_age_hours}
        return self._one(statement(_TABLES, "freshness"), values, column=options.column, target=target)

    def _reconciliation(self, options: ReconciliationOptions) -> RenderedCheck:
        return self._one(
            statement(_COMPARISONS, "reconciliation"),
            {"tolerance": options.tolerance},
            by=options.by,
            words=_words(options.by),
            observed_keys=_renamed(options.observed.keys or options.by, options.by),
            observed=self._totals(options.observed, options.by),
            expected_keys=_renamed(options.expected.keys or options.by, options.by),
            expected=self._totals(options.expected, options.by),
        )

    def _totals(self, side: Totals, by: Sequence[str]) -> Statement:
        if side.query is not None:
            return self._query(side.query)
        parts: dict[str, Any] = {"keys": side.keys or by, "total": side.total}
        if side.step is not None:
            return statement(_COMPARISONS, "totals_of_step").naming(table=self.checked.staged[side.step], **parts)
        table = get_table("tenant_dataset", side.table or "")
        if table.partition is None:
            raise ValueError(f"{table.table} has no column with its days")
        day = day_column(table.table, table.partition.column)
        return statement(_COMPARISONS, "totals_of_table").naming(table=f"{{dataset}}.{table.table}", day=day, **parts)

    def _matches_source(self) -> RenderedCheck:
        billed = template_statements(self.template)[self._target().billed]
        counted = json.dumps(list(self.checked.counted[self.check.step]))
        table = self.checked.staged[self.check.step]
        found = statement(_COMPARISONS, "matches_source")
        return self._one(found, {"counted": counted}, billed=billed.naming(rows=table))

    def _not_emptied(self, options: NotEmptiedOptions) -> RenderedCheck:
        target = self._target(options.table)
        return self._one(
            statement(_TABLES, "not_emptied"),
            {"allow_empty": options.allow_empty},
            target=f"{{dataset}}.{target.table}",
            day=day_column(target.table, target.date_column),
        )

    def _null_rates(self, options: NullRatesOptions) -> RenderedCheck:
        target, dates = self._target(options.table), sorted(self.checked.dates[self.check.step])
        columns, partition = nullable_columns(target.table), get_table("tenant_dataset", target.table).partition
        counts = [Statement("nulls", "COUNTIF({column} IS NULL)", {}).naming(column=name) for name in columns]
        # The rows that the run replaces, and those of the day or period before.
        has_day_before = bool(dates) and dates[0] > date.min
        compared = [dates[0] - timedelta(days=1), *dates] if has_day_before else dates
        compared, is_by_period = whole_days(compared, self.template.grain), self.template.grain == "billing_period"
        values = {
            "columns": columns,
            "compared": compared,
            "first": compared[0] if compared else None,
            "last": max(whole_days(compared, "month" if is_by_period else "day"), default=None),
            "tolerance": options.tolerance_percent / 100,
            "least_rows": options.least_rows,
        }
        return self._one(
            statement(_TABLES, "null_rates"),
            values,
            nulls=joined("nulls", counts, ", "),
            target=f"{{dataset}}.{target.table}",
            day=day_column(target.table, target.date_column),
            partition_day=day_column(target.table, partition.column if partition else target.date_column),
        )

    def _target(self, table: str | None = None) -> Target:
        target = target_of(self.template, self.check.step, table)
        if target is None:
            raise ValueError(f"{self.check.step} is not published into {table or 'a table'}")
        return target

    def _query(self, name: str) -> Statement:
        return filled(check_statement(self.template, self.check, name), self.checked.staged)

    def _shown(self, column: str, sample_columns: Sequence[str]) -> list[str]:
        """The columns of a sample: the checked one, the day's column if the step is published, and `sample_columns`."""
        target = target_of(self.template, self.check.step)
        days = [target.date_column] if target else []
        return list(dict.fromkeys([column, *days, *sample_columns]))

    def _one(
        self, found: Statement, values: Mapping[str, Any] | None = None, *, suffix: str = "", **parts: Any
    ) -> RenderedCheck:
        check_id = f"{self.check.id}{suffix}"
        step = self.check.step
        found = found.naming(staged=self.checked.staged[step], **parts)
        known = {**self.checked.values, "dates": list(self.checked.dates[step]), "check_id": check_id, **(values or {})}
        asked = {parameter: known[parameter] for parameter in found.parameters}
        return RenderedCheck(check_id, self.check.uses, step, self._table(), self.check.severity, found, asked)

    def _table(self) -> str:
        options = self.check.with_
        table = options.table if isinstance(options, NotEmptiedOptions | NullRatesOptions) else None
        target = target_of(self.template, self.check.step, table)
        return target.table if target else self.check.step


def nullable_columns(table: str) -> list[str]:
    """The columns of a published table that may be NULL, without the platform's own."""
    columns = get_table("tenant_dataset", table).columns
    return [column.name for column in columns if column.mode == "NULLABLE" and not column.name.startswith("x_")]


def _type(bound: object) -> str:
    for kind, name in ((Decimal, "NUMERIC"), (datetime, "TIMESTAMP"), (date, "DATE")):
        if isinstance(bound, kind):
            return name
    raise TypeError(f"{bound} is not filled in")


def _range_words(options: RangeOptions) -> str:
    if options.maximum is None:
        return f"{'at least' if options.inclusive else 'above'} {options.minimum}"
    if options.minimum is None:
        return f"{'at most' if options.inclusive else 'below'} {options.maximum}"
    return f"{options.minimum} to {options.maximum}{'' if options.inclusive else ', both excluded'}"


def _words(columns: Sequence[str]) -> Statement:
    """A row's key as an array of texts."""
    texts = [Statement("text", "CAST({column} AS STRING)", {}).naming(column=column) for column in columns]
    return Statement("words", "[{texts}]", {}).naming(texts=joined("texts", texts, ", "))


def _renamed(columns: Sequence[str], names: Sequence[str]) -> Statement:
    pairs = zip(columns, names, strict=True)
    return joined("keys", [Statement("key", "{a} AS {b}", {}).naming(a=column, b=name) for column, name in pairs], ", ")
