"""Warnings about a tenant's schedules together: duplicates, and more runs than the daily limit."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.domain.schedules.cron_syntax import day_rule
from shared.domain.schedules.pipeline_configs import ConfigSettings, PipelineConfig
from shared.domain.schedules.schedule_load import load_warnings

NOW = datetime(2025, 11, 17, 12, 30, tzinfo=UTC)  # a Monday
HOURLY = "0 * * * *"


def schedule(config_id: str, cron: str = "0 2 * * *", **settings: Any) -> PipelineConfig:
    return PipelineConfig(
        config_id=config_id,
        tenant_id="acme_corp",
        provider="gcp",
        domain="cost",
        pipeline_template="billing",
        pipeline_id="gcp-cost-billing",
        settings=ConfigSettings(cron_expression=cron, **settings),
        next_run_time=None,
        created_at=NOW,
    )


def warned(config: PipelineConfig, *others: PipelineConfig, daily_limit: int | None = 25) -> list[str]:
    return load_warnings(config, others, daily_limit=daily_limit, trigger_cron=HOURLY, now=NOW)


@pytest.mark.parametrize(
    "other",
    [
        schedule("other"),
        schedule("other", "0 2,14 * * *"),
        schedule("other", "0 3 * * *", timezone="Europe/Berlin"),  # 02:00 in UTC
        schedule("other", date_offset_days=3),  # no parameter has the date
    ],
)
def test_a_duplicate_at_the_same_time_is_warned_of(other: PipelineConfig) -> None:
    (warning,) = warned(schedule("mine"), other, schedule("third"))
    assert warning.startswith("Schedule other runs the same pipeline with the same parameters at the same time, ")
    assert "for example at 2025-11-18T02:00:00Z" in warning


@pytest.mark.parametrize(
    "other",
    [
        schedule("mine"),
        schedule("other", "0 3 * * *"),
        schedule("other", parameters={"late_hours": 48}),
        replace(schedule("other"), pipeline_id="gcp-cost-daily_by_service"),
    ],
)
def test_schedules_with_other_parameters_pipelines_or_times_are_no_duplicates(other: PipelineConfig) -> None:
    assert warned(schedule("mine"), other) == []


def test_schedules_with_another_date_offset_are_no_duplicates() -> None:
    dated: dict[str, Any] = {"parameters": {"date": "{date}"}}
    assert warned(schedule("mine", **dated), schedule("other", date_offset_days=8, **dated)) == []
    assert len(warned(schedule("mine", **dated), schedule("other", **dated))) == 1


@pytest.mark.parametrize(
    ("schedules", "daily_limit", "runs"),
    [
        ([schedule("mine", HOURLY)], 24, None),
        ([schedule("mine", HOURLY)], 2, 3),
        ([schedule("mine", "*/5 * * * *")], 24, None),  # one for each trigger
        ([schedule("mine", "*/5 * * * *", misfire_policy="all")], 24, 25),
        ([schedule("mine", "30 4 * * *"), schedule("b", "15 4 * * *"), schedule("c", "45 4 * * 6")], 2, 3),
        ([schedule("mine", "30 4 * * *"), schedule("b", "15 4 * * *")], None, None),
    ],
)
def test_more_runs_than_the_daily_limit_are_warned_of(
    schedules: list[PipelineConfig], daily_limit: int | None, runs: int | None
) -> None:
    found = warned(*schedules, daily_limit=daily_limit)
    assert [f"they start {runs} or more runs" in warning for warning in found] == ([] if runs is None else [True])


def test_the_day_that_has_too_many_is_named() -> None:
    (warning,) = warned(schedule("mine", "0 4 * * 6"), schedule("other", "0 5 * * 6"), daily_limit=1)
    assert "its daily limit of 1: they start 2 or more runs on 2025-11-22 (UTC)" in warning


@pytest.mark.parametrize(
    ("cron", "rule"),
    [
        ("0 2 * * *", "every day"),
        ("0 2 1,15 * *", "these days of the month: 1,15"),
        ("0 2 * * mon-fri", "these weekdays: mon-fri"),
        ("0 2 */2 * 1", "the day of the month (*/2) or the weekday (1) matches: one match is enough"),
    ],
)
def test_the_warning_about_days_and_weekdays_is_a_sentence(cron: str, rule: str) -> None:
    assert rule in day_rule(cron)


def test_there_is_no_warning_if_finding_it_takes_too_many_ticks() -> None:
    every_minute = [schedule(str(number), "* * * * *", misfire_policy="skip") for number in range(3)]
    asked: Any = {"daily_limit": 3_000, "trigger_cron": HOURLY, "now": NOW}
    twice, full = load_warnings(every_minute[0], every_minute[1:], most_ticks=100_000, **asked)
    assert "start 3001 or more runs" in full
    assert load_warnings(every_minute[0], every_minute[1:], **asked) == [twice]
    assert load_warnings(every_minute[0], every_minute[1:], most_ticks=50, **asked) == []


def test_two_hundred_nightly_schedules_are_all_counted() -> None:
    nightly = [
        schedule(str(number), f"{number % 60} 2 * * *", parameters={"late_hours": number}) for number in range(200)
    ]
    (full,) = warned(nightly[0], *nightly[1:], daily_limit=199)
    assert "start 200 or more runs on 2025-11-18" in full
