"""The plan of due schedules: misfires, overlaps, deferral and dates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.schedules.tick_plan import MAX_CAUGHT_UP, Schedule, TickOutcome, TickPlan, plan_ticks
from shared.domain.schedules.ticks import require_timezone

NOW = datetime(2026, 5, 20, 12, 0, 5, tzinfo=UTC)
PREVIOUS_TRIGGER = datetime(2026, 5, 20, 11, tzinfo=UTC)
DAILY = Schedule("config", "30 11 * * *", require_timezone("UTC"), datetime(2026, 5, 20, 11, 30, tzinfo=UTC))
FIVE_DAYS_LATE = replace(DAILY, next_run_time=datetime(2026, 5, 16, 11, 30, tzinfo=UTC))


def plan(schedule: Schedule, *, max_days: int = 400) -> TickPlan:
    return plan_ticks(schedule, now=NOW, previous_trigger=PREVIOUS_TRIGGER, max_days=max_days)


def shape(outcomes: Sequence[TickOutcome]) -> list[tuple[int, str | None]]:
    return [(outcome.tick_count, outcome.skip_reason) for outcome in outcomes]


def test_a_due_tick_gets_a_run_and_next_run_time_is_the_next_tick() -> None:
    planned = plan(DAILY)
    assert shape(planned.outcomes) == [(1, None)]
    assert planned.moves_from == DAILY.next_run_time
    assert planned.next_run_time == datetime(2026, 5, 21, 11, 30, tzinfo=UTC)


class TestMisfires:
    def test_coalesce_plans_one_run_for_all_missed_ticks(self) -> None:
        (outcome,) = plan(FIVE_DAYS_LATE).outcomes
        assert (outcome.tick_count, outcome.first_tick.day, outcome.last_tick.day) == (5, 16, 20)

    def test_all_plans_a_run_for_each_missed_tick(self) -> None:
        assert shape(plan(replace(FIVE_DAYS_LATE, misfire_policy="all")).outcomes) == [(1, None)] * 5

    def test_all_catches_up_a_hundred_ticks_and_records_the_number_of_the_others(self) -> None:
        late = replace(
            DAILY, cron_expression="*/5 * * * *", next_run_time=NOW - timedelta(hours=10), misfire_policy="all"
        )
        outcomes = plan(late).outcomes
        assert outcomes[0].skip_reason == "MISFIRE_LIMIT"
        assert len(outcomes) == 1 + MAX_CAUGHT_UP
        assert outcomes[-1].last_tick == datetime(2026, 5, 20, 12, tzinfo=UTC)

    def test_skip_plans_runs_only_for_ticks_that_were_not_missed(self) -> None:
        assert shape(plan(replace(FIVE_DAYS_LATE, misfire_policy="skip")).outcomes) == [(4, "MISFIRE"), (1, None)]

    def test_a_tick_picked_up_by_the_first_trigger_after_it_is_not_missed(self) -> None:
        assert shape(plan(replace(DAILY, misfire_policy="skip")).outcomes) == [(1, None)]

    def test_a_very_long_backlog_is_planned_in_several_triggers(self) -> None:
        endless = replace(DAILY, cron_expression="* * * * *", next_run_time=NOW - timedelta(days=30))
        planned = plan(endless)
        assert planned.outcomes[0].tick_count == 10_000
        assert planned.next_run_time == planned.outcomes[0].last_tick + timedelta(minutes=1)


@pytest.mark.parametrize(
    ("midnight", "hours"), [(datetime(2026, 10, 24, 22, tzinfo=UTC), 25), (datetime(2026, 3, 28, 23, tzinfo=UTC), 23)]
)
def test_an_hourly_schedule_is_due_every_hour_of_a_day_on_which_the_clocks_change(
    midnight: datetime, hours: int
) -> None:
    hourly = replace(DAILY, cron_expression="0 * * * *", zone=require_timezone("Europe/Berlin"), misfire_policy="all")
    until = midnight + timedelta(hours=hours) - timedelta(seconds=1)
    planned = plan_ticks(replace(hourly, next_run_time=midnight), now=until, previous_trigger=midnight, max_days=400)
    assert [outcome.last_tick - midnight for outcome in planned.outcomes] == [timedelta(hours=n) for n in range(hours)]
    assert planned.next_run_time == midnight + timedelta(hours=hours)


class TestDeferral:
    def test_a_tenant_at_its_daily_limit_keeps_its_tick_due(self) -> None:
        planned = plan(replace(DAILY, room=0, limited_by="DAILY_LIMIT"))
        assert (planned.outcomes, planned.deferred_reason) == ((), "DAILY_LIMIT")
        assert planned.next_run_time == DAILY.next_run_time

    def test_a_deferred_tick_is_not_missed_and_a_later_one_may_be(self) -> None:
        deferred = replace(FIVE_DAYS_LATE, misfire_policy="skip", deferred_at=datetime(2026, 5, 17, 20, tzinfo=UTC))
        outcomes = plan(deferred).outcomes
        assert shape(outcomes) == [(2, "MISFIRE"), (1, None), (1, None), (1, None)]
        assert [outcome.last_tick.day for outcome in outcomes] == [19, 16, 17, 20]

    @pytest.mark.parametrize("policy", ["all", "skip"])
    def test_ticks_without_room_in_the_queue_stay_due_from_the_first_one_on(self, policy: str) -> None:
        late = replace(FIVE_DAYS_LATE, misfire_policy=policy, room=2, limited_by="WAITING_LIMIT", deferred_at=NOW)
        planned, first_left = plan(late), datetime(2026, 5, 18, 11, 30, tzinfo=UTC)
        assert shape(planned.outcomes) == [(1, None)] * 2
        assert (planned.next_run_time, planned.deferred_reason) == (first_left, "WAITING_LIMIT")
        following = plan(replace(late, next_run_time=first_left, room=3))
        assert (shape(following.outcomes), following.deferred_reason) == ([(1, None)] * 3, None)

    def test_after_a_week_at_the_daily_limit_the_latest_ticks_run_and_one_row_skips_the_others(self) -> None:
        since = (NOW - timedelta(days=7)).replace(second=0)
        minutely = replace(
            DAILY, cron_expression="* * * * *", next_run_time=since, misfire_policy="skip",
            deferred_at=NOW - timedelta(hours=1),
        )  # fmt: skip
        planned = plan(replace(minutely, room=5))
        assert [reason for _, reason in shape(planned.outcomes)] == ["MISFIRE_LIMIT", *[None] * 5]
        assert sum(outcome.tick_count for outcome in planned.outcomes) < 7 * 24 * 60
        assert planned.next_run_time == planned.outcomes[-1].last_tick + timedelta(minutes=1)

    @pytest.mark.parametrize("policy", ["all", "skip"])
    def test_a_very_long_backlog_gets_no_run_before_its_end_is_reached(self, policy: str) -> None:
        endless = replace(
            DAILY, cron_expression="* * * * *", next_run_time=NOW - timedelta(days=80), misfire_policy=policy,
            deferred_at=NOW - timedelta(hours=1),
        )  # fmt: skip
        assert shape(plan(endless).outcomes) == [(100_000, "MISFIRE_LIMIT")]


class TestOverlap:
    def test_a_tick_that_would_overlap_is_skipped_if_the_policy_says_so(self) -> None:
        assert shape(plan(replace(DAILY, overlap_policy="skip", has_unfinished_run=True)).outcomes) == [(1, "OVERLAP")]
        assert shape(plan(replace(DAILY, overlap_policy="wait", has_unfinished_run=True)).outcomes) == [(1, None)]

    def test_only_one_of_several_due_ticks_gets_a_run_under_overlap_skip(self) -> None:
        several = replace(FIVE_DAYS_LATE, misfire_policy="all", overlap_policy="skip")
        assert shape(plan(several).outcomes) == [(1, None), (4, "OVERLAP")]


class TestParameters:
    def test_a_date_is_the_local_date_of_the_tick_minus_the_offset(self) -> None:
        late_evening = replace(
            DAILY, cron_expression="30 22 * * *", zone=require_timezone("America/New_York"),
            next_run_time=datetime(2026, 5, 20, 2, 30, tzinfo=UTC), parameters={"date": "{date}"},
        )  # fmt: skip
        assert plan(late_evening).outcomes[0].parameters == {"date": "2026-05-18"}
        assert plan(replace(late_evening, date_offset_days=0)).outcomes[0].parameters == {"date": "2026-05-19"}

    def test_coalesced_ticks_cover_their_dates(self) -> None:
        asked = replace(FIVE_DAYS_LATE, parameters={"date": "{date}", "allow_empty": True})
        assert plan(asked).outcomes[0].parameters == {
            "allow_empty": True,
            "start_date": "2026-05-15",
            "end_date": "2026-05-19",
        }

    def test_a_range_is_no_longer_than_the_template_allows(self) -> None:
        asked = replace(FIVE_DAYS_LATE, parameters={"date": "{date}"})
        assert plan(asked, max_days=2).outcomes[0].parameters["start_date"] == "2026-05-18"

    def test_without_a_date_the_run_is_incremental(self) -> None:
        assert plan(FIVE_DAYS_LATE).outcomes[0].parameters == {}


@given(
    late=st.timedeltas(timedelta(0), timedelta(days=9)),
    cron=st.sampled_from(["*/7 * * * *", "30 11 * * *", "0 0 * * 1", "15 2 15 * *"]),
    misfire=st.sampled_from(["coalesce", "all", "skip"]),
    overlap=st.sampled_from(["wait", "skip"]),
    is_busy=st.booleans(),
    was_deferred=st.booleans(),
    room=st.integers(1, 120),
)
@settings(max_examples=50)
def test_every_due_tick_has_exactly_one_outcome_or_stays_due(
    late: timedelta, cron: str, misfire: str, overlap: str, is_busy: bool, was_deferred: bool, room: int
) -> None:
    schedule = replace(
        DAILY, cron_expression=cron, next_run_time=NOW - late, misfire_policy=misfire, overlap_policy=overlap,
        has_unfinished_run=is_busy, deferred_at=NOW - timedelta(hours=9) if was_deferred else None, room=room,
    )  # fmt: skip
    planned = plan(schedule)
    assert planned.next_run_time is not None
    everything = replace(schedule, misfire_policy="coalesce", overlap_policy="wait")
    until = min(NOW, planned.next_run_time - timedelta(microseconds=1))
    owed = plan_ticks(everything, now=until, previous_trigger=PREVIOUS_TRIGGER, max_days=400)
    assert sum(outcome.tick_count for outcome in planned.outcomes) == owed.outcomes[0].tick_count
    assert (planned.next_run_time > NOW) == (planned.deferred_reason is None)
    assert planned.run_count <= room
    reasons = [outcome.skip_reason for outcome in planned.outcomes if outcome.skip_reason]
    assert len(reasons) == len(set(reasons))
    assert all(schedule.next_run_time <= outcome.first_tick <= outcome.last_tick <= NOW for outcome in planned.outcomes)
    runs = [outcome.last_tick for outcome in planned.outcomes if outcome.skip_reason is None]
    assert len(runs) == len(set(runs))
    if overlap == "skip":
        assert len(runs) <= (0 if is_busy else 1)


@pytest.mark.parametrize("late", [timedelta(0), timedelta(days=3)])
def test_a_second_trigger_finds_nothing_due(late: timedelta) -> None:
    first = plan(replace(DAILY, next_run_time=DAILY.next_run_time - late))
    assert first.next_run_time is not None
    assert first.next_run_time > NOW
