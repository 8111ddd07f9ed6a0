"""I3 and I4 over random histories of triggers: lost, late, interrupted and interleaved ones, and clock jumps."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import takewhile

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from shared.domain.schedules.tick_plan import Schedule, TickOutcome, TickPlan, plan_ticks
from shared.domain.schedules.ticks import next_tick, require_timezone, ticks_after

START = datetime(2026, 3, 28, 20, 30, tzinfo=UTC)  # Berlin's clocks go forward in the coming night
SCHEDULES = [
    ("*/20 1-3 * * *", "Europe/Berlin", "coalesce", "wait"),
    ("30 2 * * *", "Europe/Berlin", "all", "skip"),
    ("0 * * * *", "America/New_York", "all", "wait"),
    ("15 */6 * * *", "Asia/Kathmandu", "skip", "wait"),
]


class Triggers(RuleBasedStateMachine):
    """Any trigger may read, decide, and die before it applies. Only `next_run_time` says which ticks are still due."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.configs: dict[str, Schedule] = {}
        for number, (cron, zone_name, misfire, overlap) in enumerate(SCHEDULES):
            zone = require_timezone(zone_name)
            first = next_tick(cron, zone, after=START)
            assert first is not None
            self.configs[f"config-{number}"] = Schedule(
                f"config-{number}", cron, zone, first, misfire_policy=misfire, overlap_policy=overlap
            )
        self.created = dict(self.configs)
        self.recorded: dict[str, list[TickOutcome]] = {config_id: [] for config_id in self.configs}
        self.undecided: list[TickPlan] = []

    def plans(self) -> list[TickPlan]:
        """The decision of a trigger that reads now."""
        hour = self.now.replace(minute=0, second=0, microsecond=0)
        previous = hour - timedelta(hours=1)
        due = [config for config in self.configs.values() if config.next_run_time <= self.now]
        return [plan_ticks(config, now=self.now, previous_trigger=previous, max_days=400) for config in due]

    def apply(self, plan: TickPlan) -> None:
        """Apply the transaction, or nothing at all if `next_run_time` differs from what was read."""
        config = self.configs[plan.config_id]
        if config.next_run_time != plan.moves_from:
            return
        assert plan.next_run_time is not None
        deferred_at = self.now if plan.deferred_reason else None
        self.configs[plan.config_id] = replace(config, next_run_time=plan.next_run_time, deferred_at=deferred_at)
        self.recorded[plan.config_id] += plan.outcomes

    @rule()
    def trigger(self) -> None:
        for plan in self.plans():
            self.apply(plan)

    @rule()
    def read_and_decide(self) -> None:
        """A trigger that is slow, or dies, between its read and its transaction."""
        self.undecided += self.plans()

    @precondition(lambda self: self.undecided)
    @rule(data=st.data(), times=st.integers(1, 2))
    def apply_late(self, data: st.DataObject, times: int) -> None:
        """Apply an old plan, perhaps twice, because Cloud Scheduler repeats calls that timed out."""
        plan = data.draw(st.sampled_from(self.undecided))
        for _ in range(times):
            self.apply(plan)

    @rule(config_id=st.sampled_from([f"config-{number}" for number in range(len(SCHEDULES))]), data=st.data())
    def change_how_the_tenant_stands(self, config_id: str, data: st.DataObject) -> None:
        room, is_busy = data.draw(st.tuples(st.sampled_from([0, 1, 3, 100]), st.booleans()))
        config = self.configs[config_id]
        self.configs[config_id] = replace(config, room=room, has_unfinished_run=is_busy)

    @rule(minutes=st.sampled_from([-90, -1, 1, 20, 60, 7 * 60, 26 * 60]))
    def move_clock(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @invariant()
    def no_tick_runs_twice(self) -> None:
        for outcomes in self.recorded.values():
            ids = [outcome.last_tick for outcome in outcomes]  # a run's id is made of the config and this tick
            assert len(ids) == len(set(ids)), "I3"

    @invariant()
    def every_tick_before_the_one_that_is_owed_has_its_outcome(self) -> None:
        for config_id, outcomes in self.recorded.items():
            made, config = self.created[config_id], self.configs[config_id]
            after = made.next_run_time - timedelta(microseconds=1)
            passed = takewhile(
                lambda tick, owed=config.next_run_time: tick < owed,  # type: ignore[misc] # bound for this schedule
                ticks_after(made.cron_expression, made.zone, after=after),
            )
            assert sum(outcome.tick_count for outcome in outcomes) == len(list(passed)), "I4"

    def teardown(self) -> None:
        """After this history, one trigger with quota left gives every due tick an outcome."""
        self.now += timedelta(days=1)
        for config in list(self.configs.values()):
            self.configs[config.config_id] = replace(config, room=100)
        self.trigger()
        self.no_tick_runs_twice()
        self.every_tick_before_the_one_that_is_owed_has_its_outcome()
        assert all(config.next_run_time > self.now for config in self.configs.values()), "I4"


TestTriggers = Triggers.TestCase
TestTriggers.settings = settings(
    max_examples=60,
    stateful_step_count=25,
    suppress_health_check=list(HealthCheck),
)
