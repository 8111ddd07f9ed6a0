"""Turns to publish: one job at a time, in order of arrival, without waiting for dead executors."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.domain.runs.turns import GIVE_WAY_SECONDS, Holder, Look, Start, find_newer_publish, take_turn
from tests.support.turn_model import CALL_SECONDS, Executor, World

MOMENTS = st.floats(0, 60).map(lambda moment: round(moment, 2))
DURATIONS = st.floats(0.2, 90).map(lambda seconds: round(seconds, 2))
EXECUTORS = st.builds(
    Executor,
    lease_id=st.just(""),
    arrives_at=MOMENTS,
    takes=DURATIONS,
    fails=st.integers(0, 2),
    calls_left=st.none() | st.integers(0, 12),
    loses_answer=st.booleans(),
)


def named(executors: list[Executor]) -> list[Executor]:
    return [replace(executor, lease_id=f"lease-{number}") for number, executor in enumerate(executors)]


def published(world: World) -> list[Executor]:
    """The executors that published, in the order of their turns."""
    return sorted((e for e in world.executors if e.published_in), key=lambda executor: executor.published_in or 0)


@given(st.lists(EXECUTORS, min_size=1, max_size=6).map(named), st.integers(0, 9), st.floats(0, 5))
def test_every_living_executor_publishes_and_no_two_jobs_overlap(
    executors: list[Executor], used: int, lag: float
) -> None:
    world = World(executors, used=used, lag=lag)
    world.run()
    for executor in executors:
        started = [job for job in world.jobs.values() if job.lease_id == executor.lease_id]
        assert executor.is_dead or executor.published_in
        assert sum(job.succeeds for job in started) <= 1
    turns = sorted(world.jobs)
    assert turns == list(range(1, len(turns) + 1))


# One long publish, short ones after it, and a late one: the last ones must keep looking at their turn.
LATECOMER = [
    Executor("", 0.0, takes=3.0),
    *(Executor("", 0.0, takes=1.0) for _ in range(5)),
    Executor("", 5.0, takes=1.0),
]

# A newcomer takes a free turn before the executors in line notice it: nobody in line comes nearer by that.
NEWCOMER = [
    Executor("", 0.0, takes=34.38),
    *(Executor("", arrives_at, takes=1.0) for arrives_at in (0.0, 0.0, 34.38, 34.38, 34.31)),
]


@given(st.lists(EXECUTORS, min_size=2, max_size=8).map(named))
@example(named(LATECOMER))
@example(named(NEWCOMER))
def test_the_executor_that_came_first_publishes_first(executors: list[Executor]) -> None:
    patient = [replace(executor, calls_left=None, fails=0) for executor in executors]
    world = World(patient)
    world.run()
    waited = [executor for executor in published(world) if executor.waiting_since is not None]
    assert [executor.waiting_since for executor in waited] == sorted(executor.waiting_since or 0 for executor in waited)


@given(st.integers(1, 12), DURATIONS)
def test_the_next_executor_in_line_gets_a_free_turn_at_once(count: int, takes: float) -> None:
    executors = [Executor(f"lease-{number}", number / 100, takes) for number in range(count)]
    world = World(executors)
    world.run()
    idle = world.now - count * takes
    assert idle <= (2 * count + 10) * CALL_SECONDS


@given(st.integers(1, 8), st.integers(1, 6))
def test_each_dead_executor_in_line_costs_the_others_one_second(dead: int, calls: int) -> None:
    first = Executor("first", 0.0, takes=30.0)
    gone = [Executor(f"gone-{number}", 1.0 + number / 10, takes=5.0, calls_left=calls) for number in range(dead)]
    alive = Executor("alive", 10.0, takes=5.0)
    world = World([first, *gone, alive])
    world.run()
    taken = [job for job in world.jobs.values() if job.lease_id.startswith("gone")]
    assert alive.published_in
    assert world.now <= 30.0 + 5.0 * (1 + len(taken)) + (dead + 1) * (GIVE_WAY_SECONDS + 5 * CALL_SECONDS) * (
        1 + len(taken)
    )


@given(st.integers(0, 5_000))
def test_many_failed_publishes_are_skipped_with_few_requests(used: int) -> None:
    world = World([Executor("alive", 0.0, takes=1.0)], used=used)
    world.run()
    assert world.executors[0].published_in == used + 1
    assert world.calls <= 30


def test_an_executor_recognises_a_turn_that_its_lease_already_has() -> None:
    conversation = take_turn("mine", newest=4)
    assert conversation.send(None) == Start(5)
    assert answer_of(conversation, Holder("mine", "", is_done=False)) == 5


@pytest.mark.parametrize("is_done", [False, True])
def test_a_newer_publish_of_the_same_source_is_found_also_when_it_has_just_ended(is_done: bool) -> None:
    for fence, found in (("a", 8), ("b", None)):
        conversation = find_newer_publish("a", newest=7)
        assert conversation.send(None) == Look(8)
        assert conversation.send(Holder("other", fence, is_done=is_done)) == Look(10)
        assert conversation.send(None) == Look(9)
        assert conversation.send(None) == Look(8)
        assert answer_of(conversation, Holder("other", fence, is_done=is_done)) == found


@given(st.integers(0, 30), st.lists(st.sampled_from("ab"), max_size=40))
def test_no_newer_publish_of_the_same_source_is_missed(newest: int, fences: list[str]) -> None:
    taken = {newest + number: Holder("other", fence, is_done=True) for number, fence in enumerate(fences, start=1)}
    conversation, answer, looks = find_newer_publish("a", newest), None, 0
    found: int | None = None
    try:
        while isinstance(wish := conversation.send(answer), Look):
            answer, looks = taken.get(wish.turn), looks + 1
    except StopIteration as ended:
        found = ended.value
    mine = [turn for turn, holder in taken.items() if holder.fence == "a"]
    if mine:
        assert found is not None
        assert found >= max(mine)
    else:
        assert found is None or len(fences) > 20
    assert looks <= 40


def test_without_a_running_publish_one_request_is_enough() -> None:
    conversation = find_newer_publish("a", newest=7)
    assert conversation.send(None) == Look(8)
    assert answer_of(conversation, None) is None


def answer_of(conversation: object, last: Holder | None) -> int | None:
    """The result of the protocol with the last answer."""
    try:
        wish = conversation.send(last)  # type: ignore[attr-defined]
    except StopIteration as ended:
        answer: int | None = ended.value
        return answer
    raise AssertionError(f"it wants {wish}")
