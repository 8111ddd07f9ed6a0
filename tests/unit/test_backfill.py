"""A backfill request: its runs for each month, refusals by field, and the days of quota that it takes."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.configuration.templates import get_template
from shared.domain.runs.backfill import MAX_MONTHS, BackfillQuota, Month, plan_backfill
from shared.errors import InvalidInput

TEMPLATE = get_template("gcp", "cost", "billing")
TODAY = date(2025, 11, 17)
YEAR = {"start_date": "2024-12-10", "end_date": "2025-11-17", "split": "month"}


def fields_of(body: dict[str, Any]) -> set[str]:
    with pytest.raises(InvalidInput) as refusal:
        plan_backfill(TEMPLATE, body, today=TODAY)
    return {item["field"] for item in refusal.value.facts["errors"]}


def test_a_year_becomes_a_run_for_each_month_newest_first() -> None:
    backfill = plan_backfill(TEMPLATE, YEAR, today=TODAY)
    assert len(backfill.months) == 12
    assert backfill.months[0] == Month(date(2025, 11, 1), date(2025, 11, 17))
    assert backfill.months[-1] == Month(date(2024, 12, 10), date(2024, 12, 31))
    assert backfill.parameters == {"allow_empty": False} | dict(backfill.parameters)
    assert not {"start_date", "end_date", "split", "preview"} & backfill.parameters.keys()
    assert not backfill.is_preview


@given(st.dates(date(2023, 1, 1), TODAY), st.integers(0, 1000))
def test_months_cover_every_day_once(last: date, days: int) -> None:
    first = last - timedelta(days=days)
    body = {"start_date": str(first), "end_date": str(last), "split": "month"}
    months = plan_backfill(TEMPLATE, body, today=TODAY).months
    covered = [
        month.first + timedelta(days=day) for month in months for day in range((month.last - month.first).days + 1)
    ]
    assert sorted(covered) == [first + timedelta(days=day) for day in range(days + 1)]
    assert all((month.first.year, month.first.month) == (month.last.year, month.last.month) for month in months)
    assert list(months) == sorted(months, key=lambda month: month.first, reverse=True)


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"split": "week"}, {"split"}),
        ({"split": None, "preview": "yes"}, {"split", "preview"}),
        ({"split": "week", "surprise": 1}, {"split", "surprise"}),
        ({"date": "2025-11-01"}, {"date"}),
        ({"start_date": "2025-12-01", "end_date": "2025-11-01"}, {"start_date"}),
        ({"end_date": "2025-11-31"}, {"end_date"}),
        ({"end_date": "2025-11-18"}, {"end_date"}),
        ({"start_date": "2022-10-31"}, {"end_date"}),
        ({"start_date": "2012-01-01"}, {"end_date"}),
        ({"billing_export_table": "not a table"}, {"billing_export_table"}),
    ],
)
def test_a_bad_request_is_refused_by_field(changes: dict[str, Any], fields: set[str]) -> None:
    assert fields_of(YEAR | changes) == fields


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"start_date": "2022-10-31"}, "end_date: makes a range of 38 calendar months; at most 37 are allowed."),
        ({"start_date": "2020-06-04"}, "end_date: makes a range of 66 calendar months; at most 37 are allowed."),
        ({"split": "week"}, "split: must be month."),
    ],
)
def test_a_refusal_says_what_is_allowed(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        plan_backfill(TEMPLATE, YEAR | changes, today=TODAY)
    assert str(refusal.value) == message


def test_a_preview_without_split_is_refused() -> None:
    body = {name: value for name, value in YEAR.items() if name != "split"} | {"preview": True}
    with pytest.raises(
        InvalidInput, match="split: is missing; only a backfill has a preview, and it needs split: month"
    ):
        plan_backfill(TEMPLATE, body, today=TODAY)


def test_a_backfill_without_a_range_is_refused() -> None:
    assert fields_of({"split": "month"}) == {"start_date", "end_date"}
    assert fields_of({"split": "month", "start_date": "2025-01-01"}) == {"end_date"}
    assert fields_of({"preview": True}) == {"split", "start_date", "end_date"}


def test_the_longest_backfill_is_three_years_and_a_month() -> None:
    body = YEAR | {"start_date": "2022-11-01"}
    assert len(plan_backfill(TEMPLATE, body, today=TODAY).months) == MAX_MONTHS


def test_refusal_of_an_unknown_field_of_a_backfill_lists_the_fields_of_backfills_too() -> None:
    with pytest.raises(InvalidInput, match=r"spilt: is unknown; this pipeline takes .*preview, split, start_date"):
        plan_backfill(TEMPLATE, YEAR | {"spilt": "month"}, today=TODAY)


def test_a_pipeline_of_shorter_ranges_is_not_split_by_month() -> None:
    weekly = TEMPLATE.model_copy(update={"max_days": 7})
    with pytest.raises(InvalidInput, match="split: cannot be month: a run of this pipeline takes at most 7 days"):
        plan_backfill(weekly, YEAR, today=TODAY)


@pytest.mark.parametrize(
    ("quota", "remaining", "days"),
    [
        (BackfillQuota(daily_limit=25, used=3, reserved=1, schedules=1), 21, 0),
        (BackfillQuota(daily_limit=5, used=1, reserved=1, schedules=1), 3, 3),  # 3 today, then 4, 4, 1
        (BackfillQuota(daily_limit=5, used=5, reserved=0, schedules=0), 0, 3),
        (BackfillQuota(daily_limit=2, used=1, reserved=4, schedules=2), 0, None),
    ],
)
def test_days_until_done_leave_schedules_their_runs(quota: BackfillQuota, remaining: int, days: int | None) -> None:
    assert (quota.remaining, quota.days_until_done(12)) == (remaining, days)
