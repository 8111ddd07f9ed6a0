"""A schedule after its owner's change, and the warnings for the owner."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.configuration.templates import get_template
from shared.domain.requests.parsing import validated
from shared.domain.schedules.pipeline_configs import (
    ConfigRequest,
    ConfigSettings,
    CreatedConfig,
    PipelineConfig,
    change_details,
    changed,
    changed_settings,
    first_run_time,
    given_up,
    repeatable_config_id,
    resolve_config_parameters,
    warnings_of,
)
from shared.errors import IdempotencyMismatch, InvalidInput

NOW = datetime(2026, 3, 28, 12, 30, tzinfo=UTC)
DAILY = ConfigSettings(cron_expression="0 2 * * *")
HOURLY = "0 * * * *"
BILLING = get_template("gcp", "cost", "billing")


def config(settings: ConfigSettings = DAILY, next_run_time: datetime | None = None) -> PipelineConfig:
    return PipelineConfig(
        config_id="c",
        tenant_id="acme_corp",
        provider="gcp",
        domain="cost",
        pipeline_template="billing",
        pipeline_id="gcp-cost-billing",
        settings=settings,
        next_run_time=next_run_time or first_run_time(settings, NOW),
        created_at=NOW - timedelta(days=1),
    )


def settings_with(**fields: Any) -> ConfigSettings:
    return DAILY.model_copy(update=fields)


def test_a_schedule_with_a_cron_that_is_no_longer_accepted_can_be_changed_otherwise() -> None:
    stored = settings_with(cron_expression="0 22-6 * * *")
    assert changed_settings(stored, {"priority": 9}) == stored.model_copy(update={"priority": 9})
    assert changed_settings(stored, {"cron_expression": HOURLY}) == settings_with(cron_expression=HOURLY)
    with pytest.raises(InvalidInput) as refused:
        changed_settings(DAILY, {"cron_expression": "0 22-6 * * *", "priority": 10})
    assert [error["field"] for error in refused.value.facts["errors"]] == ["cron_expression", "priority"]


def test_first_run_is_the_next_tick_in_the_schedules_own_zone() -> None:
    berlin = settings_with(timezone="Europe/Berlin")
    assert first_run_time(DAILY, NOW) == datetime(2026, 3, 29, 2, tzinfo=UTC)
    # On 29 March 2026 Berlin has no 02:00; the first instant after the gap is 03:00, 01:00 UTC.
    assert first_run_time(berlin, NOW) == datetime(2026, 3, 29, 1, tzinfo=UTC)
    assert first_run_time(settings_with(is_active=False), NOW) is None


@pytest.mark.parametrize("change", [{"cron_expression": "0 4 * * *"}, {"timezone": "America/New_York"}])
def test_another_cron_or_zone_moves_the_next_run(change: dict[str, str]) -> None:
    wanted = settings_with(**change)
    assert changed(config(), wanted, NOW).next_run_time == first_run_time(wanted, NOW)


def test_a_tick_that_is_due_stays_due_under_a_new_cron() -> None:
    due = NOW - timedelta(minutes=20)
    after = changed(config(next_run_time=due), settings_with(cron_expression="0 4 * * *"), NOW)
    assert after.next_run_time == due


def test_switching_off_drops_a_due_tick_and_reports_it() -> None:
    due = NOW - timedelta(minutes=20)
    before = config(next_run_time=due)
    after = changed(before, settings_with(is_active=False), NOW)
    assert after.next_run_time is None
    details = change_details(before, after, NOW)
    assert details["given_up_tick"] == due.isoformat()
    assert details["changes"] == {"is_active": {"from": True, "to": False}}


def test_every_tick_without_a_run_is_logged_after_a_rarer_cron_and_a_removal() -> None:
    due = NOW - timedelta(hours=5)
    hourly, start = settings_with(cron_expression=f"{due.minute} * * * *", timezone="UTC"), due
    before = config(hourly, next_run_time=due)
    assert given_up(before, None, NOW) == {
        "given_up_tick": start.isoformat(), "given_up_until": NOW.isoformat(), "given_up_ticks": 6,
    }  # fmt: skip
    daily = settings_with(cron_expression=f"{due.minute} {NOW.hour} * * *", timezone="UTC")
    rarer = changed(before, daily, NOW)
    assert rarer.next_run_time == due
    assert change_details(before, rarer, NOW)["given_up_ticks"] == 4  # the first and the last tick are still due
    assert given_up(before, before, NOW) == {}


def test_a_backlog_too_long_to_count_is_reported_as_a_lower_bound() -> None:
    before = config(settings_with(cron_expression="* * * * *"), next_run_time=NOW - timedelta(days=60))
    assert given_up(before, None, NOW)["given_up_ticks"] == "10000 or more"


def test_switching_on_starts_from_now_and_makes_no_earlier_tick_due() -> None:
    paused = replace(config(settings_with(is_active=False)), next_run_time=NOW - timedelta(days=9))
    assert changed(paused, DAILY, NOW).next_run_time == first_run_time(DAILY, NOW)


@given(priority=st.integers(0, 9), due=st.booleans())
def test_a_change_without_cron_or_timezone_keeps_the_next_run(priority: int, due: bool) -> None:
    before = config(next_run_time=NOW - timedelta(hours=1) if due else None)
    assert changed(before, settings_with(priority=priority), NOW).next_run_time == before.next_run_time


def test_parameters_are_checked_on_some_day_and_named_as_parameters() -> None:
    dated = {"start_date": "{date}", "end_date": "{date}", "billing_export_table": "acme-gcp.billing.export"}
    assert resolve_config_parameters(BILLING, dated)["start_date"] == "2025-11-17"
    with pytest.raises(InvalidInput) as refused:
        resolve_config_parameters(BILLING, {"date": "{day}", "surprise": 1})
    fields = [item["field"] for item in refused.value.facts["errors"]]
    assert fields == ["parameters.date", "parameters.surprise"]


@pytest.mark.parametrize("cron", ["0 2 * * *", "0 * * * *", "30 * * * *", "0 0 29 2 *", "0 1,3 * * 0"])
def test_a_cron_that_fires_no_more_often_than_the_trigger_gives_no_warning(cron: str) -> None:
    for zone in ("UTC", "America/New_York", "Asia/Kathmandu"):
        settings = settings_with(cron_expression=cron, timezone=zone)
        assert warnings_of(settings, trigger_cron=HOURLY, now=NOW) == []


def test_two_ticks_within_an_hour_give_a_warning_only_if_one_trigger_handles_both() -> None:
    warned = {
        zone: bool(
            warnings_of(settings_with(cron_expression="0,30 9 * * 1", timezone=zone), trigger_cron=HOURLY, now=NOW)
        )
        for zone in ("UTC", "Asia/Kathmandu")
    }
    assert warned == {"UTC": False, "Asia/Kathmandu": True}  # 03:15 and 03:45 UTC: both at 04:00


@pytest.mark.parametrize(
    ("cron", "zone"),
    [("30 * * * *", "Europe/Berlin"), ("30 2,3 * 3 0", "Europe/Berlin"), ("0 2,3 * 10 0", "Australia/Lord_Howe")],
)
def test_a_tick_for_a_skipped_local_time_gives_no_warning(cron: str, zone: str) -> None:
    settings = settings_with(cron_expression=cron, timezone=zone)
    for trigger in ("0 * * * *", "59 * * * *"):
        assert warnings_of(settings, trigger_cron=trigger, now=datetime(2027, 3, 27, tzinfo=UTC)) == []


def test_a_cron_that_other_crons_read_differently_gives_a_warning() -> None:
    _, warning = warnings_of(settings_with(cron_expression="0 0 */2 * 1"), trigger_cron=HOURLY, now=NOW)
    assert "either" in warning


@pytest.mark.parametrize("cron", ["*/5 * * * *", "10,40 9 * * 1", "10,20 0 1 1 *"])
@pytest.mark.parametrize(("policy", "words"), [("coalesce", "together"), ("all", "one after"), ("skip", "one after")])
def test_a_cron_that_fires_more_often_than_the_trigger_gives_a_warning(cron: str, policy: str, words: str) -> None:
    settings = settings_with(cron_expression=cron, misfire_policy=policy)
    (warning,) = warnings_of(settings, trigger_cron=HOURLY, now=NOW)
    assert words in warning


def test_a_key_belongs_to_its_first_request_for_a_day() -> None:
    created = CreatedConfig("digest", None, created_at=NOW)
    assert created.answers("digest", NOW + timedelta(hours=23))
    assert not created.answers("other", NOW + timedelta(hours=25))
    with pytest.raises(IdempotencyMismatch):
        created.answers("other", NOW + timedelta(hours=23))
    assert repeatable_config_id("acme_corp", "key", 0) != repeatable_config_id("acme_corp", "key", 1)


def test_every_bad_field_is_named_at_once() -> None:
    body = {
        "provider": "gcp", "domain": "cost", "template": 1, "cron_expression": "daily", "timezone": "Mars/Base",
        "is_active": "yes", "priority": 10, "max_retries": -1, "misfire_policy": "hope", "overlap_policy": None,
        "date_offset_days": 1.5, "tenant_id": "other",
    }  # fmt: skip
    with pytest.raises(InvalidInput) as refused:
        validated(ConfigRequest, body)
    named = {item["field"] for item in refused.value.facts["errors"]}
    assert named == body.keys() - {"provider", "domain"}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"parameters": {"date": "{date}"}, "date_offset_days": 15}, []),
        ({"parameters": {}}, []),
        ({"parameters": {}, "date_offset_days": 15}, ["date_offset_days has no effect"]),
        ({"parameters": {"date": "2025-11-17"}}, ["asks for the same days, 2025-11-17;"]),
        (
            {"parameters": {"start_date": "2025-11-01", "end_date": "2025-11-30"}, "date_offset_days": 3},
            ["date_offset_days has no effect", "asks for the same days, 2025-11-01 to 2025-11-30;"],
        ),
    ],
)
def test_a_date_that_is_the_same_every_night_gives_a_warning(fields: dict[str, Any], expected: list[str]) -> None:
    found = warnings_of(settings_with(**fields), trigger_cron=HOURLY, now=NOW)
    assert len(found) == len(expected)
    assert all(words in warning for words, warning in zip(expected, found, strict=True))
