"""I1, I2, I5, I6 and I7 over random histories: lost, late and repeated events, clock jumps, two dispatchers."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from shared.domain.dispatching.changes import Decision
from shared.domain.dispatching.queue_state import PROCESSING, QueueItem, QueueState
from tests.support.dispatch_model import POLICY, World

TENANTS = {"acme": (3, 2), "beta": (2, 1), "closed": (0, 1), "gamma": (5, 3)}


class Histories(RuleBasedStateMachine):
    """Anything may happen in any order. The invariants always hold, and every run ends or shows why it waits."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(dict(TENANTS))
        self.claimed: list[QueueItem] = []
        self.undecided: list[tuple[QueueState, Decision]] = []
        self.accepted: set[str] = set()

    @rule(tenant=st.sampled_from(sorted(TENANTS)), pipeline=st.sampled_from("ab"), manual=st.booleans())
    def accept(self, tenant: str, pipeline: str, manual: bool) -> None:
        self.accepted.add(self.world.accept(tenant, pipeline, manual=manual).run_id)

    @rule(max_runs=st.sampled_from([1, 3, 2_000]))
    def dispatch(self, max_runs: int) -> None:
        self.world.dispatch(max_runs=max_runs)

    @rule()
    def read_and_decide(self) -> None:
        """A dispatcher that is slow, or dies, between its read and its transaction."""
        state = self.world.read()
        self.undecided.append((state, self.world.decide(state)))

    @precondition(lambda self: self.undecided)
    @rule(data=st.data())
    def apply_late(self, data: st.DataObject) -> None:
        state, decision = self.undecided.pop(data.draw(st.integers(0, len(self.undecided) - 1)))
        is_first = state.epoch == self.world.epoch
        assert self.world.apply(state, decision) == is_first

    @precondition(lambda self: self.world.live())
    @rule(data=st.data(), is_reported=st.booleans())
    def claim(self, data: st.DataObject, is_reported: bool) -> None:
        item = data.draw(st.sampled_from(self.world.live()))
        self.claimed.append(item)
        if is_reported:
            self.world.report(item, "CLAIMED")

    @precondition(lambda self: self.claimed)
    @rule(
        data=st.data(),
        kind=st.sampled_from(["HEARTBEAT", "STEP", "HANDED_OVER", "SUCCEEDED", "FAILED", "CANCELLED", "PAUSED"]),
        retryable=st.sampled_from([True, False, None]),
        times=st.integers(1, 2),
    )
    def report(self, data: st.DataObject, kind: str, retryable: bool | None, times: int) -> None:
        """Any executor that ever claimed a run may report, also twice, and long after it lost its lease."""
        item = data.draw(st.sampled_from(self.claimed))
        for _ in range(times):
            self.world.report(item, kind, retryable=retryable, error_class="STEP_FAILED")

    @precondition(lambda self: self.world.items)
    @rule(data=st.data())
    def request_cancel(self, data: st.DataObject) -> None:
        item = data.draw(st.sampled_from(sorted(self.world.items.values(), key=lambda item: item.run_id)))
        self.world.report(item, "CANCEL_REQUESTED", lease_id=None)

    @rule(minutes=st.sampled_from([-600, -1, 0.1, 1, 6, 45, 24 * 60]))
    def move_clock(self, minutes: float) -> None:
        self.world.now += timedelta(minutes=minutes)

    @invariant()
    def limits_hold(self) -> None:
        self.world.check_invariants()

    @invariant()
    def no_run_is_lost(self) -> None:
        assert self.accepted == self.world.items.keys() | self.world.ended.keys()

    @invariant()
    def only_the_lease_holder_ends_a_run(self) -> None:
        for change in self.world.ended.values():
            if change.action == "COMPLETE":
                signs = [s for s in self.world.signs if s.run_id == change.before.run_id and s.kind == "SUCCEEDED"]
                assert change.before.lease_id in {sign.lease_id for sign in signs}, "I5"

    def teardown(self) -> None:
        """After this history, days without faults bring every run to its end or to a visible reason to wait."""
        world = self.world
        for _ in range(60):
            world.dispatch()
            self.limits_hold()
            if all(item.wait_reason == "DAILY_LIMIT" and item.tenant_id == "closed" for item in world.items.values()):
                break
            for item in world.live():
                world.report(item, "CLAIMED")
                world.report(item, "SUCCEEDED")
            world.now += timedelta(hours=7)
        waiting = world.items.values()
        assert all(item.tenant_id == "closed" and item.wait_reason == "DAILY_LIMIT" for item in waiting), "I6"


TestHistories = Histories.TestCase
TestHistories.settings = settings(
    max_examples=300,
    stateful_step_count=40,
    suppress_health_check=list(HealthCheck),
)


def test_of_two_dispatchers_with_one_read_only_the_first_applies() -> None:
    world = World(dict(TENANTS))
    for _ in range(4):
        world.accept("gamma", "a")
    first, second = world.read(), world.read()
    one, other = world.decide(first), world.decide(second)

    assert world.apply(first, one)
    assert not world.apply(second, other)
    world.check_invariants()


def test_a_decision_that_is_cut_anywhere_keeps_the_limits() -> None:
    for length in range(12):
        world = World({"acme": (50, 2), "beta": (50, 2)})
        for tenant in ("acme", "beta"):
            for pipeline in "abcd":
                world.accept(tenant, pipeline)
        world.dispatch()
        for item in world.live():
            world.report(item, "SUCCEEDED")
        state = world.read()
        decision = world.decide(state, policy=replace(POLICY, max_changes=length))
        assert world.apply(state, decision)
        world.check_invariants()
        assert decision.work_remains or length >= len(decision.changes)
    assert {item.state for item in world.live()} == {PROCESSING}
