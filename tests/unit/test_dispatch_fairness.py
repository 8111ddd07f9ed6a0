"""The order of admission: starts alternate among tenants, waiting runs age, and every run starts eventually."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.domain.dispatching.changes import Decision
from shared.domain.dispatching.retry import RetryPolicy, may_retry
from tests.support.dispatch_model import POLICY, START, World


@pytest.fixture
def world() -> World:
    return World({"acme": (50, 50), "beta": (50, 50)})


def admitted(decision: Decision) -> list[str]:
    return [change.before.run_id for change in decision.changes if change.action == "ADMIT"]


class TestFairness:
    def test_one_large_tenant_does_not_hold_back_fifty_small_ones(self) -> None:
        small = [f"tenant_{number}" for number in range(50)]
        world = World(dict.fromkeys(["large", *small], (5_000, 2)))
        for number in range(1_000):
            world.accept("large", f"pipeline-{number}")
        for name in small:
            world.accept(name, "a")
            world.accept(name, "b")
        policy = replace(POLICY, max_unclaimed=2_000)
        calls = [world.dispatch(max_runs=100, policy=policy) for _ in range(2)]
        seen = [change for call in calls for change in call.changes]
        counts = Counter(change.before.tenant_id for change in seen if change.action == "ADMIT")
        assert all(counts[name] == 2 for name in small)

    def test_with_one_run_a_call_tenants_take_turns(self, world: World) -> None:
        for pipeline in "abcdef":
            world.accept("acme", pipeline)
        for pipeline in "ab":
            world.accept("beta", pipeline)
        order = []
        for _ in range(4):
            world.now += timedelta(seconds=1)
            (run_id,) = admitted(world.dispatch(max_runs=1))
            order.append(world.items[run_id].tenant_id)
        assert order == ["acme", "beta", "acme", "beta"]

    def test_no_run_waits_for_ever_behind_newer_ones_of_higher_priority(self, world: World) -> None:
        world.limits["acme"] = (5_000, 1)
        patient = world.accept("acme", "patient", priority=0)
        for number in range(300):
            world.accept("acme", f"urgent-{number}", manual=True)
            world.dispatch()
            if world.items[patient.run_id].lease_id:
                break
            for item in world.live():
                world.report(item, "SUCCEEDED")
            world.now += timedelta(minutes=2)
        assert world.items[patient.run_id].lease_id, "it started"
        assert world.now - START <= timedelta(hours=3)


class TestRetryPolicy:
    @pytest.mark.parametrize(("attempt", "ceiling"), [(1, 60), (2, 120), (5, 960), (6, 1_800), (50, 1_800)])
    def test_backoff_doubles_up_to_half_an_hour_with_full_jitter(self, attempt: int, ceiling: int) -> None:
        rng = random.Random(1)  # noqa: S311 - repeatable
        waits = [RetryPolicy().backoff(attempt, rng).total_seconds() for _ in range(500)]
        assert 0 <= min(waits) < 0.1 * ceiling
        assert 0.9 * ceiling < max(waits) <= ceiling

    def test_three_retries_are_four_attempts(self) -> None:
        assert [may_retry(attempt=n, max_retries=3, retryable=True) for n in range(1, 6)] == [True] * 3 + [False] * 2

    def test_an_unknown_error_is_retried_and_a_permanent_one_is_not(self) -> None:
        assert may_retry(attempt=1, max_retries=3, retryable=None)
        assert not may_retry(attempt=1, max_retries=3, retryable=False)
