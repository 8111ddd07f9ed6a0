"""If a dispatcher dies between any two lines, no run is lost, started twice or counted twice."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.dispatching.queue_state import QueueItem
from tests.support.dispatch_model import World

LIMITS = {"acme": (50, 3), "beta": (50, 1)}
BEFORE_APPLY, AFTER_APPLY = -2, -1  # from 0 on: after this number of created tasks
NO_CRASH = 1_000


def call(world: World, *, dies_at: int = NO_CRASH) -> list[QueueItem]:
    """Call process_queue until it dies at this point, and return the items whose tasks it created."""
    state = world.read()
    decision = world.decide(state)
    if dies_at == BEFORE_APPLY:
        return []
    assert world.apply(state, decision)
    world.check_invariants()
    admitted = [change.after for change in decision.changes if change.action in {"ADMIT", "RENEW"} and change.after]
    return [*admitted, *decision.redeliver][: max(dies_at, 0)]


def execute(world: World, delivered: list[QueueItem], started: Counter[tuple[str, int]]) -> None:
    """Let executors claim the runs of which they still have the lease, and succeed."""
    for item in delivered:
        held = world.items.get(item.run_id)
        if held and held.lease_id == item.lease_id and (item.run_id, item.attempt) not in started:
            started[item.run_id, item.attempt] += 1
            world.report(item, "CLAIMED")
            world.report(item, "SUCCEEDED")


@given(
    crashes=st.lists(
        st.tuples(st.sampled_from([BEFORE_APPLY, AFTER_APPLY, 0, 1, 2, 3]), st.sampled_from([1, 11, 60, 301, 3_600])),
        max_size=12,
    ),
    pipelines=st.lists(st.tuples(st.sampled_from(sorted(LIMITS)), st.sampled_from("abc")), min_size=1, max_size=8),
)
@settings(max_examples=150)
def test_runs_of_a_dispatcher_that_keeps_dying_all_complete_at_their_first_attempt(
    crashes: list[tuple[int, int]], pipelines: list[tuple[str, str]]
) -> None:
    world, started = World(dict(LIMITS)), Counter[tuple[str, int]]()
    accepted = {world.accept(tenant_id, pipeline).run_id for tenant_id, pipeline in pipelines}
    for dies_at, seconds in crashes:
        execute(world, call(world, dies_at=dies_at), started)
        world.now += timedelta(seconds=seconds)
    for _ in range(3 * len(pipelines) + 2):
        execute(world, call(world), started)
        world.now += timedelta(seconds=11)

    assert world.items == {}, "I6"
    assert {run_id: change.action for run_id, change in world.ended.items()} == dict.fromkeys(accepted, "COMPLETE")
    assert started == {(run_id, 1): 1 for run_id in accepted}, "each once, and none charged an attempt"
