"""Defines the checks of templates: for each value of `uses` its options."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from shared.domain.requests.texts import Text
from shared.domain.templates.step_options import Name, Placeholder, Strict

_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_PLACEHOLDER = re.compile(r"\{[a-z_][a-z0-9_]*\}")

ColumnName = Annotated[
    str,
    Text(
        r"[A-Za-z_][A-Za-z0-9_]{0,299}",
        "must be a column's name: a letter or underscore, then letters, digits and underscores",
    ),
]
ColumnNames = Annotated[list[ColumnName], Field(min_length=1)]


def bound_of(value: Any) -> Any:
    """A bound as Decimal, date or UTC timestamp. A placeholder stays a text."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    if isinstance(value, date | Decimal) or value is None:
        return value
    if isinstance(value, str) and _PLACEHOLDER.fullmatch(value):
        return value
    try:
        if isinstance(value, str) and _ISO_DATE.match(value):
            return date.fromisoformat(value) if len(value) == 10 else bound_of(datetime.fromisoformat(value))
        if isinstance(value, int | float | str) and not isinstance(value, bool):
            number = Decimal(str(value))
            if number.is_finite():
                return number
    except (ValueError, InvalidOperation):
        pass
    raise ValueError("must be a number, a date or a timestamp")


Bound = Annotated[Any, BeforeValidator(bound_of), WithJsonSchema({"type": ["number", "string"]})]


class _Options(Strict):
    def given(self) -> dict[str, Any]:
        """The options as JSON values, before their placeholders are filled."""
        return self.model_dump(mode="json", exclude_none=True)


class NoOptions(_Options):
    """This check has no options."""


class _RowOptions(_Options):
    """Options of checks on rows; samples of failing rows also show `sample_columns`."""

    sample_columns: list[ColumnName] = Field(default=[])


class NotNullOptions(_RowOptions):
    """The columns that must have a value in every row."""

    columns: ColumnNames


class UniqueOptions(_Options):
    """The columns whose values together must be unique; NULL equals NULL."""

    columns: ColumnNames


class AcceptedValuesOptions(_RowOptions):
    """The values that a column may have; NULL passes."""

    column: ColumnName
    values: Annotated[list[str], Field(min_length=1)]


class RangeOptions(_RowOptions):
    """The smallest and the largest value that a column may have, of the column's own type; NULL passes."""

    column: ColumnName
    minimum: Bound = None
    maximum: Bound = None
    inclusive: bool = True

    @model_validator(mode="after")
    def _has_bounds(self) -> RangeOptions:
        bounds = [bound for bound in (self.minimum, self.maximum) if bound is not None]
        if not bounds:
            raise ValueError("needs minimum or maximum")
        known = [bound for bound in bounds if not isinstance(bound, str)]
        if len({type(bound) for bound in known}) > 1:
            raise ValueError("minimum and maximum must be of one type")
        if len(known) == 2 and known[0] > known[1]:
            raise ValueError("minimum must not be above maximum")
        return self


class RowCountOptions(_Options):
    """Either bounds, or the allowed difference from the number of rows per day that the last runs published."""

    minimum: int | None = Field(default=None, ge=0)
    maximum: int | None = Field(default=None, ge=0)
    last_runs: int | None = Field(default=None, ge=1, le=90)
    tolerance_percent: float | None = Field(default=None, ge=0)
    compared_with: Literal["median", "mean"] = "median"

    @model_validator(mode="after")
    def _is_one_kind(self) -> RowCountOptions:
        if (self.last_runs is None) != (self.tolerance_percent is None):
            raise ValueError("last_runs and tolerance_percent go together")
        is_absolute = self.minimum is not None or self.maximum is not None
        if is_absolute == (self.last_runs is not None):
            raise ValueError("needs either minimum or maximum, or last_runs")
        if None not in (self.minimum, self.maximum) and (self.minimum or 0) > (self.maximum or 0):
            raise ValueError("minimum must not be above maximum")
        return self


class FreshnessOptions(_Options):
    """The largest age of the newest value of a TIMESTAMP column, among staged and published rows."""

    column: ColumnName
    max_age_hours: float = Field(gt=0)


class Totals(Strict):
    """One side of a reconciliation.

    It is a statement of the template's .sql file whose columns are the keys and `total`, or the sum of a column over a
    step's staging table, or over a published table's rows of this source and of the run's days.
    """

    query: Name | None = None
    step: Name | None = None
    table: Name | None = None
    total: ColumnName | None = None
    keys: ColumnNames | None = None  # this side's names for the columns of `by`, in order

    @model_validator(mode="after")
    def _is_one_kind(self) -> Totals:
        if [self.query, self.step, self.table].count(None) != 2:
            raise ValueError("needs one of query, step and table")
        if (self.total is None) != (self.query is not None):
            raise ValueError("needs total, the column to add up" if self.total is None else "a query has no total")
        if self.query is not None and self.keys is not None:
            raise ValueError("a query has no keys")
        return self


class ReconciliationOptions(_Options):
    """Two totals for each value of the key columns, which may differ by at most `tolerance`."""

    by: ColumnNames
    observed: Totals
    expected: Totals
    tolerance: Decimal = Field(default=Decimal(0), ge=0)

    @model_validator(mode="after")
    def _has_as_many_keys(self) -> ReconciliationOptions:
        for name, side in (("observed", self.observed), ("expected", self.expected)):
            if side.keys is not None and len(side.keys) != len(self.by):
                raise ValueError(f"{name}.keys: by has {len(self.by)} columns")
        return self


class NotEmptiedOptions(_Options):
    """The published table, and whether a run without rows may empty its days."""

    table: Name
    allow_empty: bool | Placeholder = False


class NullRatesOptions(_Options):
    """By how many points a column's share of NULLs may grow in a published table with at least `least_rows` rows."""

    table: Name
    tolerance_percent: int = Field(default=25, ge=0, lt=100)
    least_rows: int = Field(default=100, ge=1)


class SqlCheckOptions(_Options):
    """A statement of the template's .sql file that returns the failing rows."""

    query: Name


class _Check(Strict):
    id: Name
    step: Name
    severity: Literal["fail", "warn"] = "fail"


class NotNull(_Check):
    """Finds rows without a value in a column that must have one."""

    uses: Literal["not_null"]
    with_: NotNullOptions = Field(alias="with")


class Unique(_Check):
    """Finds rows whose key appears more than once."""

    uses: Literal["unique"]
    with_: UniqueOptions = Field(alias="with")


class AcceptedValues(_Check):
    """Finds rows whose value is not one of the accepted values."""

    uses: Literal["accepted_values"]
    with_: AcceptedValuesOptions = Field(alias="with")


class Range(_Check):
    """Finds rows whose value is outside a range."""

    uses: Literal["range"]
    with_: RangeOptions = Field(alias="with")


class RowCount(_Check):
    """Finds too few or too many rows, by bounds or compared with the last runs of the same pipeline and source."""

    uses: Literal["row_count"]
    with_: RowCountOptions = Field(alias="with")


class Freshness(_Check):
    """Fails if the newest value of a column is too old at the run's snapshot."""

    uses: Literal["freshness"]
    with_: FreshnessOptions = Field(alias="with")


class Reconciliation(_Check):
    """Finds totals that differ between two tables."""

    uses: Literal["reconciliation"]
    with_: ReconciliationOptions = Field(alias="with")


class MatchesSource(_Check):
    """Finds days and currencies whose staged rows or cost differ from the counts taken while the source was read."""

    uses: Literal["matches_source"]
    with_: NoOptions = Field(default=NoOptions(), alias="with")


class NotEmptied(_Check):
    """Fails if days with published rows would lose all of them."""

    uses: Literal["not_emptied"]
    with_: NotEmptiedOptions = Field(alias="with")


class NullRates(_Check):
    """Finds columns that have far more NULLs than the rows that are published."""

    uses: Literal["null_rates"]
    with_: NullRatesOptions = Field(alias="with")


class SqlCheck(_Check):
    """Finds the rows that a statement of the template returns."""

    uses: Literal["sql"]
    with_: SqlCheckOptions = Field(alias="with")


Check = Annotated[
    NotNull
    | Unique
    | AcceptedValues
    | Range
    | RowCount
    | Freshness
    | Reconciliation
    | MatchesSource
    | NotEmptied
    | NullRates
    | SqlCheck,
    Field(discriminator="uses"),
]


def resolved(check: Check, values: Mapping[str, Any]) -> Check:
    """The check with filled placeholders; `values` are its filled options. ValueError if they are not valid."""
    return check.model_validate(check.model_dump(exclude={"with_"}) | {"with": values})
