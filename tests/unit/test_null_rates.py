"""The check of NULLs compares a run's rows with those that it replaces and with the day or the period before."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from shared.authoring.sample_values import sample_options
from shared.configuration.templates import get_template
from shared.pipeline.check_statements import Checked, nullable_columns, render_checks
from shared.pipeline.statements import parameter_types
from tools.sqljudge.sent import staged_tables

SEPTEMBER = date(2026, 9, 1)


def compared(provider: str, dates: list[date]) -> dict[str, Any]:
    """The values of the FOCUS rows' check in a run over these days."""
    template = get_template(provider, "cost", "billing")
    staged = staged_tables(template)
    values = dict.fromkeys(parameter_types(template))
    checked = Checked(staged, dict.fromkeys(staged, dates), counted={step: [] for step in staged}, values=values)
    options = {check.id: sample_options(template, check) for check in template.checks}
    (found,) = (item for item in render_checks(template, options, checked) if item.check_id == "focus_null_rates")
    return dict(found.values)


@pytest.mark.parametrize(
    ("provider", "days", "first", "last"),
    [
        ("gcp", [date(2026, 9, 1), date(2026, 9, 2)], date(2026, 8, 31), date(2026, 9, 2)),
        ("azure", [SEPTEMBER], date(2026, 8, 1), date(2026, 9, 30)),
        ("aws", [], None, None),
    ],
)
def test_rows_are_compared_with_those_of_the_same_and_the_preceding_days(
    provider: str, days: list[date], first: date | None, last: date | None
) -> None:
    found = compared(provider, days)
    assert (found["first"], found["last"]) == (first, last)
    assert found["compared"] == ([] if first is None else [first, *days])


def test_the_first_day_of_the_calendar_has_no_day_before() -> None:
    assert compared("gcp", [date.min])["compared"] == [date.min]


def test_columns_that_are_never_null_and_the_platforms_own_are_left_out() -> None:
    columns = nullable_columns("focus_cost")
    assert "SkuMeter" in columns
    assert not {"BilledCost", "x_source"} & set(columns)
