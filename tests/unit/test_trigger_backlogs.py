"""Long backlogs are planned in several calls of the trigger and do not delay other schedules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from shared.domain.schedules.tick_plan import DueSchedule
from shared.use_cases.trigger_due_pipelines import plan_due

NOW = datetime(2026, 3, 10, 12, 0, 30, tzinfo=UTC)
PREVIOUS = NOW.replace(hour=11, second=0)


def due(config_id: str, cron: str, *, since: timedelta, is_live: bool = True) -> DueSchedule:
    """A schedule whose earliest due tick is this long ago."""
    return DueSchedule(
        config_id=config_id,
        tenant_id="acme",
        provider="gcp",
        domain="cost",
        pipeline_template="billing",
        cron_expression=cron,
        timezone="UTC",
        next_run_time=NOW.replace(second=0) - since,
        misfire_policy="coalesce",
        overlap_policy="wait",
        date_offset_days=1,
        parameters={},
        deferred_at=None,
        is_tenant_active=True,
        is_subscription_live=is_live,
        daily_limit=10,
        taken_today=0,
        waiting_runs=0,
        has_unfinished_run=False,
        credential_source="a.b.c",
    )


def test_long_backlogs_are_planned_in_several_triggers_and_delay_no_other_schedule() -> None:
    backlogs = [due(f"every-minute-{number}", "* * * * *", since=timedelta(hours=10)) for number in range(5)]
    lapsed = due("lapsed", "* * * * *", since=timedelta(days=9), is_live=False)
    nightly = due("nightly", "0 12 * * *", since=timedelta(0))
    waiting, ticks, calls = [lapsed, *backlogs, nightly], [], 0

    while [schedule for schedule in waiting if schedule.is_subscription_live]:
        planned, left = plan_due(waiting, now=NOW, previous_trigger=PREVIOUS, most_ticks=1_000)
        if not calls:
            assert planned[0].plan.config_id == "nightly"
        ticks.append(sum(outcome.tick_count for plan in planned for outcome in plan.plan.outcomes))
        reasons = dict(left)
        assert reasons.pop("lapsed") == "SUBSCRIPTION_NOT_LIVE"
        assert set(reasons.values()) <= {"PLATFORM_BUSY"}
        waiting = [schedule for schedule in waiting if schedule.config_id in dict(left)]
        calls += 1

    assert (calls, sum(ticks)) == (3, 5 * 601 + 1)
    assert max(ticks) < 1_000 + 601


@pytest.mark.parametrize("cron", ["0 0 * * FRI-MON", "0 0 * * SAT-SUN", "0 22-6 * * *"])
def test_a_stored_cron_that_is_no_longer_accepted_still_fires(cron: str) -> None:
    since = timedelta(hours=12) if cron.endswith("*") else timedelta(days=2, hours=12)  # NOW is a Tuesday
    ((schedule,), left) = plan_due([due("stored", cron, since=since)], now=NOW, previous_trigger=PREVIOUS)
    assert (schedule.is_active, left) == (True, [])
    assert [outcome.skip_reason for outcome in schedule.plan.outcomes] == [None]
    assert schedule.plan.next_run_time is not None
