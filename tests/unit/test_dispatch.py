"""The dispatcher's decision, case by case."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.domain.dispatching.changes import Decision
from shared.domain.dispatching.queue_state import TenantLimits
from tests.support.dispatch_model import FRONT, POLICY, START, World, actions, start

PLENTY = {"acme": (50, 50), "beta": (50, 50)}


@pytest.fixture
def world() -> World:
    return World(dict(PLENTY))


def admitted(decision: Decision) -> list[str]:
    return [change.before.run_id for change in decision.changes if change.action == "ADMIT"]


def closing(world: World) -> Decision:
    """The decision about a run whose last attempt stopped reporting."""
    start(world, max_retries=0)
    world.now += POLICY.lease_length
    decision = world.dispatch()
    assert [change.after.wait_reason for change in decision.changes if change.after] == ["CLOSING"]
    return decision


class TestSettling:
    def test_a_run_whose_executor_succeeded_is_completed(self, world: World) -> None:
        item = start(world)
        world.report(item, "SUCCEEDED")
        assert actions(world.dispatch()) == ["COMPLETE"]
        assert not world.items

    def test_a_failure_of_an_old_lease_is_counted_and_ignored(self, world: World) -> None:
        item = start(world)
        world.report(replace(item, lease_id="an-old-one"), "FAILED", retryable=False)
        decision = world.dispatch()
        assert decision.stale_signs == 1
        assert not decision.changes

    def test_after_a_temporary_failure_a_run_waits_with_one_point_less_priority(self, world: World) -> None:
        item = start(world)
        world.report(item, "FAILED", retryable=True, error_class="STEP_FAILED")
        (change,) = world.dispatch().changes
        assert change.action == "RETRY"
        assert change.after is not None
        assert (change.after.priority, change.after.wait_reason) == (item.priority - 1, "RETRY_BACKOFF")
        assert world.now <= change.after.available_at <= world.now + timedelta(seconds=60)
        assert change.after.lease_id is None

    def test_a_permanent_failure_ends_the_run_at_once(self, world: World) -> None:
        world.report(start(world), "FAILED", retryable=False, error_class="CHECK_FAILED")
        (change,) = world.dispatch().changes
        assert (change.action, change.error_class) == ("FAIL", "CHECK_FAILED")

    def test_a_run_fails_when_its_retries_are_used_up(self, world: World) -> None:
        run_id = start(world).run_id
        taken = []
        for _ in range(10):
            if run_id not in world.items:
                break
            item = world.items[run_id]
            if item.lease_id:
                world.report(item, "CLAIMED")
                world.report(item, "FAILED", retryable=item.attempt < 3, error_class="STEP_FAILED")
            taken += actions(world.dispatch())
            world.now += timedelta(hours=1)
        assert taken == ["RETRY", "ADMIT", "RETRY", "ADMIT", "FAIL"]  # max_retries is 2: three attempts

    def test_a_retry_does_not_count_against_the_day_again(self, world: World) -> None:
        world.limits["acme"] = (1, 1)
        item = start(world)
        world.report(item, "FAILED", retryable=True)
        world.dispatch()
        world.now += timedelta(hours=1)
        assert admitted(world.dispatch()) == [item.run_id]
        assert world.started["acme", START.date()] == 1

    def test_a_published_run_is_completed_even_if_a_failure_is_reported_too(self, world: World) -> None:
        item = start(world)
        world.report(item, "FAILED", retryable=False)
        world.report(item, "SUCCEEDED")
        assert actions(world.dispatch()) == ["COMPLETE"]


class TestRescue:
    def test_a_claimed_run_whose_lease_ran_out_is_retried(self, world: World) -> None:
        start(world)
        world.now += POLICY.lease_length
        (change,) = world.dispatch().changes
        assert (change.action, change.error_class) == ("RETRY", "LEASE_EXPIRED")

    def test_one_closing_task_asks_how_a_silent_last_attempt_ended(self, world: World) -> None:
        (asked,) = closing(world).changes
        assert asked.before.lease_id != world.items[asked.before.run_id].lease_id
        world.now += POLICY.lease_length
        (change,) = world.dispatch().changes
        assert (change.action, change.error_class) == ("FAIL", "LEASE_EXPIRED")

    @pytest.mark.parametrize(("kind", "action"), [("SUCCEEDED", "COMPLETE"), ("FAILED", "FAIL")])
    def test_a_silent_run_ends_as_its_closing_task_reports(self, world: World, kind: str, action: str) -> None:
        (asked,) = closing(world).changes
        world.report(world.items[asked.before.run_id], kind, retryable=False)
        assert actions(world.dispatch()) == [action]

    @pytest.mark.parametrize("retryable", [True, None])
    @pytest.mark.parametrize(("kind", "action"), [("SUCCEEDED", "COMPLETE"), ("FAILED", "FAIL")])
    def test_a_last_attempt_that_does_not_know_how_it_ended_gets_one_closing_task(
        self, world: World, retryable: bool | None, kind: str, action: str
    ) -> None:
        item = start(world, max_retries=0)
        world.report(item, "FAILED", retryable=retryable, error_class="DEPENDENCY_UNAVAILABLE")
        assert actions(world.dispatch()) == ["RENEW"]
        asked = world.items[item.run_id]
        assert (asked.wait_reason, asked.attempt) == ("CLOSING", 1)
        world.report(asked, kind, retryable=False)
        assert actions(world.dispatch()) == [action]

    def test_a_closing_task_that_does_not_report_is_delivered_again(self, world: World) -> None:
        (asked,) = closing(world).changes
        world.now += POLICY.redeliver_after
        (again,) = world.dispatch().redeliver
        assert (again.wait_reason, again.lease_id) == ("CLOSING", world.items[asked.before.run_id].lease_id)

    def test_a_heartbeat_extends_the_lease(self, world: World) -> None:
        item = start(world)
        world.now += timedelta(minutes=4)
        world.report(item, "HEARTBEAT")
        world.now += timedelta(minutes=4)
        decision = world.dispatch()
        assert not decision.changes
        assert decision.look_again_at == world.now + timedelta(minutes=1)

    def test_an_admitted_run_that_is_not_claimed_is_delivered_again(self, world: World) -> None:
        world.accept("acme", "a")
        world.dispatch()
        world.now += POLICY.redeliver_after
        decision = world.dispatch()
        assert [item.run_id for item in decision.redeliver] == list(world.items)
        assert not decision.changes

    def test_a_run_that_was_just_admitted_is_not_delivered_twice(self, world: World) -> None:
        world.accept("acme", "a")
        world.dispatch()
        decision = world.dispatch()
        assert not decision.redeliver
        assert decision.look_again_at == world.now + POLICY.redeliver_after

    def test_an_unclaimed_lease_is_renewed_longer_and_uses_up_no_attempt(self, world: World) -> None:
        run_id = world.accept("acme", "a").run_id
        world.dispatch()
        before = world.items[run_id]
        world.now += POLICY.lease_length
        assert actions(world.dispatch()) == ["RENEW"]
        after = world.items[run_id]
        assert after.attempt == before.attempt
        assert after.hop == before.hop + 1
        assert after.lease_id != before.lease_id
        assert after.lease_expires_at == world.now + 2 * POLICY.lease_length
        assert after.wait_reason == "PLATFORM_BUSY"

    def test_a_hop_that_was_handed_over_and_not_claimed_is_delivered_again(self, world: World) -> None:
        item = start(world)
        world.report(item, "HANDED_OVER", hop=0)
        world.dispatch()
        assert world.items[item.run_id].hop == 1
        world.now += POLICY.redeliver_after
        (again,) = world.dispatch().redeliver
        assert again.hop == 1

    def test_a_working_hop_is_not_delivered_again_although_its_claim_event_was_lost(self, world: World) -> None:
        world.accept("acme", "a")
        world.dispatch()
        (item,) = world.live()
        world.now += POLICY.redeliver_after
        world.report(item, "STEP")
        assert not world.dispatch().redeliver


class TestAdmission:
    def test_the_concurrent_limit_holds_the_rest_back(self, world: World) -> None:
        world.limits["acme"] = (50, 2)
        for pipeline in "abc":
            world.accept("acme", pipeline)
        world.dispatch()
        assert len(world.live()) == 2
        assert [item.wait_reason for item in world.items.values()][2] == "CONCURRENT_LIMIT"

    def test_one_pipeline_runs_once_at_a_time_for_a_source(self, world: World) -> None:
        world.accept("acme", "a", source="one")
        world.accept("acme", "a", source="one")
        world.accept("acme", "a", source="two")
        assert len(admitted(world.dispatch())) == 2
        assert Counter(item.wait_reason for item in world.items.values()) == {None: 2, "PIPELINE_BUSY": 1}

    def test_a_scheduled_run_beyond_the_daily_limit_waits_for_the_next_day(self, world: World) -> None:
        world.limits["acme"] = (1, 5)
        world.accept("acme", "a")
        late = world.accept("acme", "b")
        world.dispatch()
        assert world.items[late.run_id].wait_reason == "DAILY_LIMIT"
        world.now += timedelta(hours=12)
        assert late.run_id in admitted(world.dispatch())

    def test_a_retry_starts_at_the_daily_limit_even_behind_many_waiting_runs(self, world: World) -> None:
        world.limits["acme"] = (1, 5)
        item = start(world)
        for _ in range(2 * FRONT):
            world.accept("acme", "a")
        world.report(item, "FAILED", retryable=True)
        world.dispatch()
        world.now += timedelta(minutes=1)
        assert admitted(world.dispatch()) == [item.run_id]

    def test_a_manual_run_beyond_the_daily_limit_is_refused(self, world: World) -> None:
        world.limits["acme"] = (0, 5)
        world.accept("acme", "a", manual=True)
        (change,) = world.dispatch().changes
        assert (change.action, change.error_class) == ("REFUSE", "QUOTA_EXCEEDED")

    def test_an_ended_subscription_admits_no_run_and_is_the_reason_to_wait(self, world: World) -> None:
        scheduled, manual = world.accept("acme", "a"), world.accept("acme", "b", manual=True)
        state = replace(world.read(), tenants=(TenantLimits("acme", False, 5, 5, 0),))
        outcome = {change.before.run_id: change for change in world.decide(state).changes}
        assert outcome[manual.run_id].action == "REFUSE"
        waiting = outcome[scheduled.run_id].after
        assert waiting is not None
        assert waiting.wait_reason == "SUBSCRIPTION_NOT_LIVE"

    def test_the_highest_priority_starts_first_then_the_earliest_tick(self, world: World) -> None:
        world.limits["acme"] = (50, 1)
        world.accept("acme", "a", scheduled_time=START)
        earlier = world.accept("acme", "b", scheduled_time=START - timedelta(hours=1))
        manual = world.accept("acme", "c", manual=True)
        assert admitted(world.dispatch()) == [manual.run_id]
        world.report(world.items[manual.run_id], "SUCCEEDED")
        assert admitted(world.dispatch()) == [earlier.run_id]

    def test_only_max_runs_are_admitted_and_another_call_is_requested_for_the_rest(self, world: World) -> None:
        for pipeline in "abc":
            world.accept("acme", pipeline)
        decision = world.dispatch(max_runs=1)
        assert len(admitted(decision)) == 1
        assert decision.work_remains

    def test_a_decision_with_the_most_changes_requests_another_call(self, world: World) -> None:
        policy = replace(POLICY, max_changes=3)
        for pipeline in "abc":
            world.accept("acme", pipeline)
        assert world.dispatch(policy=policy).work_remains
        assert not world.dispatch(policy=policy).work_remains

    def test_an_idle_queue_requests_no_call(self, world: World) -> None:
        decision = world.dispatch()
        assert (decision.changes, decision.look_again_at, decision.work_remains) == ((), None, False)

    def test_an_overloaded_platform_admits_no_more_than_it_can_start(self, world: World) -> None:
        for tenant in PLENTY:
            for pipeline in "abcdefgh":
                world.accept(tenant, pipeline)
        world.dispatch()
        assert len(world.live()) == POLICY.max_unclaimed
        assert {item.wait_reason for item in world.items.values()} == {None, "PLATFORM_BUSY"}
