"""Cancelled runs in the dispatcher's decision: it first asks whether they have published."""

from __future__ import annotations

import pytest

from tests.support.dispatch_model import POLICY, World, actions, start


@pytest.fixture
def world() -> World:
    return World({"acme": (50, 50)})


def test_a_waiting_run_is_cancelled_at_once(world: World) -> None:
    world.report(world.accept("acme", "a"), "CANCEL_REQUESTED", lease_id=None)
    assert actions(world.dispatch()) == ["CANCEL"]


def test_a_running_cancelled_run_is_ended_by_its_executor(world: World) -> None:
    item = start(world)
    world.report(item, "CANCEL_REQUESTED", lease_id=None)
    assert not world.dispatch().changes
    world.report(item, "CANCELLED")
    assert actions(world.dispatch()) == ["CANCEL"]


def test_a_lost_cancelled_run_gets_a_closing_task_when_its_lease_ends(world: World) -> None:
    item = start(world)
    world.report(item, "CANCEL_REQUESTED", lease_id=None)
    world.now += POLICY.lease_length
    assert actions(world.dispatch()) == ["RENEW"]
    assert world.items[item.run_id].wait_reason == "CLOSING"


def test_a_failed_cancelled_run_gets_a_closing_task_and_no_retry(world: World) -> None:
    item = start(world)
    world.report(item, "CANCEL_REQUESTED", lease_id=None)
    world.report(item, "FAILED", retryable=True)
    assert actions(world.dispatch()) == ["RENEW"]
    assert (world.items[item.run_id].wait_reason, world.items[item.run_id].attempt) == ("CLOSING", 1)


def test_a_cancelled_run_that_waits_for_its_retry_gets_a_closing_task(world: World) -> None:
    item = start(world)
    world.now += POLICY.lease_length
    assert actions(world.dispatch()) == ["RETRY"]
    world.report(item, "CANCEL_REQUESTED", lease_id=None)
    assert actions(world.dispatch()) == ["ADMIT"]
    asked = world.items[item.run_id]
    assert (asked.wait_reason, asked.attempt, asked.quota_date) == ("CLOSING", 1, item.quota_date)


def test_a_busy_tenant_closes_its_cancelled_retry_before_anything_else(world: World) -> None:
    world.limits["acme"] = (50, 1)
    month = start(world, priority=-100, backfill_id="year")
    world.now += POLICY.lease_length
    busy = [world.accept("acme", f"daily-{number}") for number in range(3)]
    assert actions(world.dispatch()) == ["RETRY", "ADMIT", "WAIT", "WAIT"]
    world.report(month, "CANCEL_REQUESTED", lease_id=None)
    assert "ADMIT" not in actions(world.dispatch())
    (working,) = world.live()
    assert working.run_id in {item.run_id for item in busy}
    world.report(working, "SUCCEEDED")
    world.dispatch()
    (closing,) = world.live()
    assert (closing.run_id, closing.wait_reason) == (month.run_id, "CLOSING")


def test_a_retry_of_a_tenant_without_slots_is_cancelled_at_once(world: World) -> None:
    item = start(world)
    world.now += POLICY.lease_length
    world.dispatch()
    world.limits["acme"] = (50, 0)
    world.report(item, "CANCEL_REQUESTED", lease_id=None)
    assert actions(world.dispatch()) == ["CANCEL"]


@pytest.mark.parametrize(("kind", "action"), [("SUCCEEDED", "COMPLETE"), ("CANCELLED", "CANCEL")])
def test_a_cancelled_run_ends_as_its_closing_task_reports(world: World, kind: str, action: str) -> None:
    item = start(world)
    world.report(item, "CANCEL_REQUESTED", lease_id=None)
    world.now += POLICY.lease_length
    world.dispatch()
    world.report(world.items[item.run_id], kind)
    assert actions(world.dispatch()) == [action]


def test_a_cancelled_run_whose_closing_task_does_not_report_is_cancelled(world: World) -> None:
    world.report(start(world), "CANCEL_REQUESTED", lease_id=None)
    for expected in ("RENEW", "CANCEL"):
        world.now += POLICY.lease_length
        assert actions(world.dispatch()) == [expected]
