"""Tasks are created as executors become free, alternating among tenants. One tenant never gets all executors."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.dispatching.next_starts import Capacity, DailyStarts, TenantQueue, pick_in_rotation
from shared.domain.dispatching.queue_state import QueueItem, TenantLimits
from tests.support.dispatch_model import POLICY, START, World

NARROW = replace(POLICY, max_unclaimed=10, max_unclaimed_of_tenant=5, executors=20)
GREEDY = (10_000, 1_000)


def queue_of(tenant_id: str, *, live: int, waiting: int) -> TenantQueue:
    items = [
        QueueItem(
            run_id=f"{tenant_id}-{number}", tenant_id=tenant_id, pipeline_id=f"p-{number}", pipeline_logging_id="l",
            state="QUEUED", priority=5, scheduled_time=START, available_at=START, added_at=START, attempt=0, hop=0,
            max_retries=3,
        )
        for number in range(waiting)
    ]  # fmt: skip
    daily_limit, concurrent_limit = GREEDY
    limits = TenantLimits(
        tenant_id=tenant_id,
        is_live=True,
        daily_limit=daily_limit,
        concurrent_limit=concurrent_limit,
        started_today=0,
    )
    starts = DailyStarts(left=daily_limit, reserved=0)
    return TenantQueue(limits=limits, live=set(), live_count=live, starts=starts, waiting=items)


@given(
    tenants=st.lists(st.tuples(st.integers(0, 12), st.integers(0, 30)), min_size=1, max_size=6),
    admissions=st.integers(-5, 60),
    executors=st.integers(-3, 40),
    max_unclaimed_of_tenant=st.integers(1, 10),
    unclaimed=st.lists(st.integers(0, 12), min_size=6, max_size=6),
)
@settings(deadline=None)
def test_admissions_stay_within_the_limits_and_skip_no_tenant(
    tenants: list[tuple[int, int]], admissions: int, executors: int, max_unclaimed_of_tenant: int, unclaimed: list[int]
) -> None:
    queues = [queue_of(f"t{n}", live=live, waiting=waiting) for n, (live, waiting) in enumerate(tenants)]
    before = Counter({f"t{n}": unclaimed[n] for n in range(len(tenants))})
    picks, more = pick_in_rotation(queues, Capacity(admissions, executors, max_unclaimed_of_tenant, before))

    taken = Counter(queue.limits.tenant_id for queue, _ in picks)
    assert len(picks) <= max(0, admissions)
    assert len(picks) <= max(0, executors)
    assert more == (len(picks) < sum(waiting for _, waiting in tenants))
    left = executors - len(picks)
    for number, (live, waiting) in enumerate(tenants):
        name = f"t{number}"
        assert not taken[name] or before[name] + taken[name] <= max_unclaimed_of_tenant
        assert not taken[name] or live + taken[name] <= executors
        is_next = (
            waiting > taken[name] and before[name] + taken[name] < max_unclaimed_of_tenant and live + taken[name] < left
        )
        assert not is_next or len(picks) >= admissions, "somebody could have had one more"
    turns = [int(item.run_id.rpartition("-")[2]) for _, item in picks]  # each tenant's are counted from 0
    assert turns == sorted(turns), "a second one before somebody's first"


def take_all(world: World) -> None:
    for item in world.live():
        world.report(item, "CLAIMED")


def test_a_flood_of_runs_keeps_executors_free_for_the_next_tenant() -> None:
    world = World({"greedy": GREEDY, "calm": (5, 1)})
    for number in range(500):
        world.accept("greedy", f"pipeline-{number}")
    for _ in range(20):
        world.dispatch(policy=NARROW)
        unclaimed = [item for item in world.live() if item.run_id not in {sign.run_id for sign in world.signs}]
        assert len(unclaimed) <= NARROW.max_unclaimed_of_tenant
        take_all(world)
    assert len(world.live("greedy")) == NARROW.executors // 2

    run_id = world.accept("calm", "a").run_id
    world.dispatch(policy=NARROW)
    assert world.items[run_id].state == "PROCESSING"


def test_no_task_is_created_before_executors_claim_and_the_dispatcher_is_called_again() -> None:
    world = World({f"tenant-{number}": GREEDY for number in range(4)})
    for tenant in world.limits:
        for number in range(50):
            world.accept(tenant, f"pipeline-{number}")
    first = world.dispatch(policy=NARROW)
    assert len(world.live()) == NARROW.max_unclaimed
    assert Counter(item.tenant_id for item in world.live()).most_common()[-1][1] == 2
    assert first.look_again_at == world.now + NARROW.redeliver_after / 2
    second = world.dispatch(policy=NARROW)
    assert len(world.live()) == NARROW.max_unclaimed
    assert not second.work_remains

    take_all(world)
    world.dispatch(policy=NARROW)
    shares = Counter(item.tenant_id for item in world.live())
    assert shares == dict.fromkeys(world.limits, NARROW.executors // 5)  # one share is left for the next tenant


def test_cancelled_runs_of_one_tenant_come_after_the_runs_of_others() -> None:
    world = World({"noisy": (5, 1), "calm": (5, 1)})
    dropped = [world.accept("noisy", f"pipeline-{number}") for number in range(30)]
    world.dispatch()
    for item in dropped:
        world.report(item, "CANCEL_REQUESTED", lease_id=None)
    calm = world.accept("calm", "a")
    world.dispatch(policy=replace(POLICY, max_changes=3))
    assert world.items[calm.run_id].state == "PROCESSING"
