"""A run that meets a used-up quota at Google waits and continues in the same attempt."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.domain.dispatching.queue_state import QueueItem
from shared.domain.runs.delivery import RunTask
from tests.support.dispatch_model import POLICY, World, actions, start


@pytest.fixture
def world() -> World:
    return World({"acme": (5, 1)})


def pause(world: World, item: QueueItem) -> QueueItem:
    """The item in the queue, after its executor has given its lease back."""
    world.report(item, "PAUSED", error_class="UNAVAILABLE", error_message="BigQuery: quotaExceeded")
    assert actions(world.dispatch()) == ["PAUSE"]
    return world.items[item.run_id]


def test_a_paused_run_continues_in_the_same_attempt_however_often_it_is_paused(world: World) -> None:
    item = first = start(world)
    for _ in range(3 * first.max_retries):
        waiting = pause(world, item)
        assert (waiting.wait_reason, waiting.priority) == ("GOOGLE_QUOTA", first.priority)
        assert timedelta() < waiting.available_at - world.now <= POLICY.pause
        world.now = waiting.available_at
        assert actions(world.dispatch()) == ["ADMIT"]
        item = world.items[item.run_id]
        world.report(item, "CLAIMED")
    assert (item.attempt, item.quota_date) == (first.attempt, first.quota_date)
    assert world.started["acme", world.now.date()] == 1
    world.report(item, "SUCCEEDED")
    assert actions(world.dispatch()) == ["COMPLETE"]


def test_a_pause_frees_the_slot_and_the_dispatcher_is_called_again_after_it(world: World) -> None:
    item, other = start(world), world.accept("acme", "b")
    world.report(item, "PAUSED")
    decision = world.dispatch()
    assert actions(decision) == ["PAUSE", "ADMIT"]
    assert [live.run_id for live in world.live()] == [other.run_id]
    assert decision.look_again_at is not None
    assert decision.look_again_at <= world.now + POLICY.pause


def test_a_cancel_of_a_paused_run_asks_first_whether_it_published(world: World) -> None:
    item = start(world)
    world.report(item, "CANCEL_REQUESTED", lease_id=None)
    world.report(item, "PAUSED")
    (change,) = world.dispatch().changes
    assert change.after is not None
    assert (change.action, change.after.wait_reason) == ("RENEW", "CLOSING")

    item = start(again := World({"acme": (5, 1)}))
    pause(again, item)
    again.report(item, "CANCEL_REQUESTED", lease_id=None)
    (change,) = again.dispatch().changes
    assert change.after is not None
    assert (change.action, change.after.wait_reason) == ("ADMIT", "CLOSING")


def test_the_task_of_an_attempt_that_continues_has_a_new_name() -> None:
    task = RunTask(run_id="run", tenant_id="acme_corp", pipeline_logging_id="run", lease_id="lease-1", attempt=1, hop=0)
    assert task.model_copy().name == task.name
    assert task.model_copy(update={"lease_id": "lease-2"}).name != task.name
    assert task.next_hop().name != task.name
