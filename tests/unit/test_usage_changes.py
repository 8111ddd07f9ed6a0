"""The changes of tenants' usage by a decision, and the statements that apply it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.stores.queue import decision_statement
from shared.domain.dispatching.changes import Change
from shared.domain.dispatching.usage_changes import UsageChange, usage_changes
from tests.support.dispatch_model import START, World, start

TODAY = START.date()
LIMITS: dict[str, Any] = {"daily_limit": 50, "concurrent_limit": 2}


@pytest.fixture
def world() -> World:
    return World({"acme": (50, 2), "beta": (50, 50)})


def dispatched(world: World) -> tuple[Sequence[Change], list[UsageChange]]:
    """The changes of one call, and the resulting changes of the usage."""
    state = world.read()
    decision = world.dispatch()
    return decision.changes, usage_changes(state, decision.changes)


def sent(changes: Sequence[Change], usage: Sequence[UsageChange]) -> list[str]:
    """The statements of the transaction by their first words, without those of every transaction."""
    script = decision_statement(changes, counts=bool(usage))
    lines = [statement.strip().split("\n")[0] for statement in script.text.split(";") if statement.strip()]
    assert lines[0] == "BEGIN TRANSACTION"
    assert lines[1:3] == ["UPDATE {tenants}.dispatcher_state", "MERGE {tenants}.pipeline_execution_queue AS queue"]
    assert lines[-1] == "COMMIT TRANSACTION"
    return [line.split("{tenants}.")[1].split()[0] for line in lines[3:-1]]


def test_an_admission_counts_its_start_and_mirrors_limits_and_live_runs(world: World) -> None:
    for pipeline in "abc":
        world.accept("acme", pipeline, config_id=None)
    changes, usage = dispatched(world)
    assert Counter(change.action for change in changes) == {"ADMIT": 2, "WAIT": 1}
    assert usage == [UsageChange("acme", TODAY, started=2, live=2, has_admitted=True, **LIMITS)]
    assert sent(changes, usage) == ["tenant_usage_quotas", "pipeline_run_events"]


def test_a_run_that_only_waits_counts_nothing_and_is_no_event(world: World) -> None:
    world.limits["acme"] = (50, 0)
    world.accept("acme", "a")
    changes, usage = dispatched(world)
    assert ([change.action for change in changes], usage) == (["WAIT"], [])
    assert sent(changes, usage) == []


def test_a_run_that_ends_counts_on_the_day_it_started_and_frees_its_slot_today(world: World) -> None:
    item = start(world)
    world.now += timedelta(days=1)
    world.report(item, "SUCCEEDED")
    changes, usage = dispatched(world)
    assert usage == [
        UsageChange("acme", TODAY, succeeded=1),
        UsageChange("acme", TODAY + timedelta(days=1), live=0, **LIMITS),
    ]
    tables = ["scheduled_pipeline_runs", "tenant_pipeline_configs", "tenant_usage_quotas", "pipeline_run_events"]
    assert sent(changes, usage) == tables


def test_the_end_of_a_run_does_not_change_other_schedules(world: World) -> None:
    item = start(world, config_id=None)
    world.report(item, "FAILED", retryable=False)
    changes, usage = dispatched(world)
    assert usage == [UsageChange("acme", TODAY, failed=1, live=0, **LIMITS)]
    assert sent(changes, usage) == ["tenant_usage_quotas", "pipeline_run_events"]


def test_a_tenant_that_is_no_longer_known_keeps_its_limits(world: World) -> None:
    item = start(world)
    world.report(item, "SUCCEEDED")
    state = replace(world.read(), tenants=())
    (usage,) = usage_changes(state, world.decide(state).changes)
    assert usage == UsageChange("acme", TODAY, succeeded=1, live=0)


@given(st.lists(st.sampled_from(["accept", "claim", "SUCCEEDED", "FAILED", "retryable", "midnight"]), max_size=40))
def test_the_changes_of_a_history_add_up_to_its_runs(history: list[str]) -> None:
    world, added, live = World({"acme": (9, 3)}), Counter[str](), {}
    for number, moment in enumerate(history):
        if moment == "accept":
            world.accept("acme", f"pipeline-{number % 5}")
        elif moment == "midnight":
            world.now += timedelta(hours=13)
        elif world.live():
            kind = {"claim": "CLAIMED", "retryable": "FAILED"}.get(moment, moment)
            world.report(world.live()[0], kind, retryable=moment == "retryable")
        world.now += timedelta(seconds=1)
        _, usage = dispatched(world)
        for day in usage:
            added.update({"started": day.started, "succeeded": day.succeeded, "failed": day.failed})
            if day.live is not None:
                live[day.tenant_id] = day.live
    ends = Counter(change.action for change in world.ended.values())
    assert added["started"] == sum(world.started.values())
    assert (added["succeeded"], added["failed"]) == (ends["COMPLETE"], ends["FAIL"])
    assert live.get("acme", 0) == len(world.live())
