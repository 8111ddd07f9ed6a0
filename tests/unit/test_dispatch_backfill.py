"""Backfills in the dispatcher's decision: they wait for quota and give way to the tenant's other work."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.dispatching.queue_state import QueueItem
from shared.domain.runs.backfill import BACKFILL_PRIORITY
from tests.support.dispatch_model import World


def backfill(world: World, months: int) -> list[QueueItem]:
    return [
        world.accept(
            "acme", "billing", manual=True, priority=BACKFILL_PRIORITY, backfill_id="b", source="export",
            scheduled_time=world.now + timedelta(microseconds=place),
        )
        for place in range(months)
    ]  # fmt: skip


def admitted(world: World) -> list[str]:
    """Call the dispatcher once, and return the runs that it admits."""
    state = world.read()
    decision = world.decide(state)
    assert world.apply(state, decision)
    return [change.before.run_id for change in decision.changes if change.action == "ADMIT"]


def finish(world: World, run_id: str) -> None:
    world.report(world.items[run_id], "SUCCEEDED")


def test_months_run_one_after_the_other_in_their_order() -> None:
    world = World({"acme": (10, 3)})
    months = [item.run_id for item in backfill(world, 3)]
    seen = []
    for _ in months:
        seen += (run := admitted(world))
        finish(world, run[0])
    assert seen == months


def test_months_wait_for_the_next_day_when_the_limit_is_used_up_and_none_is_refused() -> None:
    world = World({"acme": (2, 3)})
    months = [item.run_id for item in backfill(world, 5)]
    days = []
    for _ in range(3):
        today = []
        while run := admitted(world):
            today += run
            finish(world, run[0])
        days.append(today)
        assert {item.wait_reason for item in world.items.values()} <= {"DAILY_LIMIT"}
        world.now += timedelta(days=1)
    assert days == [months[:2], months[2:4], months[4:]]
    assert world.items == {}
    assert {change.action for change in world.ended.values()} == {"COMPLETE"}


def test_a_backfill_that_has_waited_for_days_still_gives_way() -> None:
    world = World({"acme": (100, 1)})
    backfill(world, 3)
    world.now += timedelta(days=3)
    scheduled = world.accept("acme", "other", priority=0)
    assert admitted(world) == [scheduled.run_id]


def test_a_backfill_leaves_waiting_runs_and_due_schedules_their_share_of_the_day() -> None:
    world = World({"acme": (3, 3)}, due_today={"acme": 1})
    first, *_ = backfill(world, 3)
    world.accept("acme", "busy", source="export")
    assert first.run_id in admitted(world)
    finish(world, first.run_id)
    assert admitted(world) == []
    assert {item.wait_reason for item in world.items.values() if item.is_backfill} == {"DAILY_LIMIT"}
    world.due_today["acme"] = 0  # the schedule has fired, and its run waits instead
    tick = world.accept("acme", "tick")
    assert admitted(world) == [tick.run_id]


@given(
    daily=st.integers(1, 6),
    months=st.integers(1, 8),
    arrivals=st.lists(st.lists(st.sampled_from(["manual", "scheduled"]), max_size=3), min_size=1, max_size=6),
)
def test_no_work_of_the_day_is_refused_or_put_off_because_of_a_backfill(
    daily: int, months: int, arrivals: list[list[str]]
) -> None:
    def started(*, with_backfill: bool) -> Counter[int]:
        """The number of runs outside the backfill that were admitted on each day."""
        world = World({"acme": (daily, 2)})
        if with_backfill:
            backfill(world, months)
        found = Counter[int]()
        for day, kinds in enumerate(arrivals):
            # The runs are queued when the day begins; before that `due_today` reserves runs for them.
            names = [f"{day}-{place}" for place in range(len(kinds))]
            for name, kind in zip(names, kinds, strict=True):
                world.accept("acme", name, manual=kind == "manual")
            while runs := admitted(world):
                for run_id in runs:
                    found[day] += not world.items[run_id].is_backfill
                    finish(world, run_id)
            world.now += timedelta(days=1)
        return +found

    assert started(with_backfill=True) == started(with_backfill=False)
