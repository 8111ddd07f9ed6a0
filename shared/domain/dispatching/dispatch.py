"""Makes the dispatcher's decision: a pure function of one read of the queue and its clock."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from shared.domain.dispatching.changes import Change, Decision
from shared.domain.dispatching.next_starts import (
    Capacity,
    pick_in_rotation,
    start_attempt,
    start_closing,
    tenant_queues,
)
from shared.domain.dispatching.queue_state import PROCESSING, QueueItem, QueueState, RunSign, TenantLimits
from shared.domain.dispatching.retry import RetryPolicy
from shared.domain.dispatching.settling import Lease, Settler, cancelled, read_lease, requested_cancels

MAX_CHANGES = 4_000  # as many as one transaction applies
DEFAULT_MAX_RUNS = 2_000  # admissions of one call, unless the caller asks for another number


@dataclass(frozen=True)
class DispatchPolicy:
    """The limits of the platform.

    lease_length: how long an executor may be silent.
    redeliver_after: how long an admitted run may stay unclaimed before its task is created again.
    max_redeliveries: how many of those tasks one call creates.
    max_unclaimed: admitted runs that may wait for an executor; more would only wait in Cloud Tasks, ahead of other
    tenants' runs.
    max_unclaimed_of_tenant: the same for one tenant.
    executors: how many there are.
    max_changes: how many changes one transaction applies.
    pause: how long a run waits, at most, before it asks again whether Google has quota for it.
    retry: how long a failed run waits before its next attempt.
    """

    lease_length: timedelta = timedelta(minutes=5)
    redeliver_after: timedelta = timedelta(seconds=10)
    max_redeliveries: int = 200
    max_unclaimed: int = 2_000
    max_unclaimed_of_tenant: int = 2_000
    executors: int = 4_000
    max_changes: int = MAX_CHANGES
    pause: timedelta = timedelta(minutes=5)
    retry: RetryPolicy = field(default_factory=RetryPolicy)

    @property
    def look_for_claims_after(self) -> timedelta:
        """Half the time before a redelivery, because each claim makes room for another admission."""
        return self.redeliver_after / 2


@dataclass(frozen=True)
class _LiveRuns:
    """The live items after settling.

    `running`: the items that stay live, with the lease that was read. `changes`: the changes of all live items, also of
    those that stay live.
    """

    running: list[tuple[QueueItem, Lease]]
    changes: list[Change]
    stale_signs: int

    @property
    def unclaimed(self) -> list[tuple[QueueItem, Lease]]:
        return [(item, lease) for item, lease in self.running if not lease.is_claimed]


@dataclass(frozen=True)
class _Waiting:
    """The waiting items.

    ready: those that may start now. to_close: the run ids of those that were cancelled and start as a closing task.
    cancellations: the changes of those that are cancelled at once.
    """

    ready: list[QueueItem]
    to_close: set[str]
    cancellations: list[Change]


@dataclass(frozen=True)
class _Admission:
    """The admitted and the refused items, new reasons to wait, and whether more items could have been admitted."""

    admitted: list[Change]
    refused: list[Change]
    new_wait_reasons: list[Change]
    has_more_to_admit: bool


def decide(
    state: QueueState, *, policy: DispatchPolicy, max_runs: int, rng: random.Random, new_id: Callable[[], str]
) -> Decision:
    """Settle live items, cancel and admit waiting ones: at most `max_runs` admissions, and one change of an item."""
    settler = Settler(
        now=state.now,
        lease_length=policy.lease_length,
        pause=policy.pause,
        retry=policy.retry,
        rng=rng,
        new_id=new_id,
    )
    cancels = requested_cancels(state.signs)
    live = _settle(state, settler, cancels)
    waiting = _split_waiting(state, cancels)
    admission = _admit(state, live, waiting, policy, max_runs=max_runs, new_id=new_id)

    # A transaction may apply only the first changes. So those that free executors come before those that need one.
    changes = [
        *live.changes,
        *admission.admitted,
        *waiting.cancellations,
        *admission.refused,
        *admission.new_wait_reasons,
    ]
    could_admit_more = admission.has_more_to_admit and len(admission.admitted) == max_runs
    # Items that leave the queue may have hidden others. The read returns only the front of each tenant's queue, and
    # only as many items without a reason to wait as one transaction can change.
    may_have_hidden_others = bool(waiting.cancellations or admission.refused) or len(changes) >= policy.max_changes
    return Decision(
        changes=tuple(changes[: policy.max_changes]),
        redeliver=tuple(_due_for_redelivery(live, state.now, policy)),
        look_again_at=_look_again_at(state, live, changes, policy, has_more_to_admit=admission.has_more_to_admit),
        work_remains=could_admit_more or may_have_hidden_others,
        stale_signs=live.stale_signs,
    )


def _settle(state: QueueState, settler: Settler, cancels: frozenset[str]) -> _LiveRuns:
    """Settle the live items by the events of their executors."""
    signs: dict[str, list[RunSign]] = defaultdict(list)
    for sign in state.signs:
        signs[sign.run_id].append(sign)
    running: list[tuple[QueueItem, Lease]] = []
    changes: list[Change] = []
    stale_signs = 0
    for item in state.items:
        if item.state != PROCESSING:
            continue
        lease = read_lease(item, signs[item.run_id], settler.lease_length)
        stale_signs += lease.stale_signs
        change = settler.settle(item, lease, cancel_requested=item.run_id in cancels)
        if change:
            changes.append(change)
        if change is None or (change.after and change.after.state == PROCESSING):
            running.append((item, lease))
    return _LiveRuns(running, changes, stale_signs)


def _split_waiting(state: QueueState, cancels: frozenset[str]) -> _Waiting:
    """The waiting items, split by requested cancels. A cancelled run that may have published is closed first."""
    ready: list[QueueItem] = []
    to_close: set[str] = set()
    cancellations: list[Change] = []
    for item in state.items:
        if item.state == PROCESSING:
            continue
        if item.run_id not in cancels:
            if item.available_at <= state.now:
                ready.append(item)
        elif _needs_closing(item, state.limits.get(item.tenant_id)):
            ready.append(item)
            to_close.add(item.run_id)
        else:
            cancellations.append(cancelled(item))
    return _Waiting(ready, to_close, cancellations)


def _needs_closing(item: QueueItem, limits: TenantLimits | None) -> bool:
    # An item that has had an attempt may have published, and a closing task finds out. The task takes one of the
    # tenant's slots, so it would never start for a tenant that can have none.
    has_slots = limits is not None and limits.is_live and limits.concurrent_limit > 0
    return item.is_counted and has_slots


def _admit(
    state: QueueState,
    live: _LiveRuns,
    waiting: _Waiting,
    policy: DispatchPolicy,
    *,
    max_runs: int,
    new_id: Callable[[], str],
) -> _Admission:
    """Give leases to waiting items within the limits of each tenant and the platform, and a reason to all others."""
    live_items = (item for item, _ in live.running)
    queues = tenant_queues(live_items, waiting.ready, state.limits, state.now, waiting.to_close)
    capacity = Capacity(
        admissions_left=min(max_runs, policy.max_unclaimed - len(live.unclaimed)),
        free_executors=policy.executors - len(live.running),
        max_unclaimed_of_tenant=policy.max_unclaimed_of_tenant,
        unclaimed=Counter(item.tenant_id for item, _ in live.unclaimed),
    )
    picks, has_more_to_admit = pick_in_rotation(queues, capacity)
    admitted = []
    for queue, item in picks:
        start = start_closing if item.run_id in waiting.to_close else start_attempt
        admitted.append(start(item, state.now, policy.lease_length, new_id))
        queue.count(item)
    picked = {item.run_id for _, item in picks}
    left = [(queue, item) for queue in queues for item in queue.waiting if item.run_id not in picked]
    not_admitted = [queue.refuse_or_wait(item) for queue, item in left]
    refused = [change for change in not_admitted if change and change.after is None]
    new_wait_reasons = [change for change in not_admitted if change and change.after]
    return _Admission(admitted, refused, new_wait_reasons, has_more_to_admit)


def _due_for_redelivery(live: _LiveRuns, now: datetime, policy: DispatchPolicy) -> list[QueueItem]:
    due = [
        (item, lease)
        for item, lease in live.unclaimed
        if lease.unclaimed_since + policy.redeliver_after <= now < lease.expires_at
    ]
    due.sort(key=lambda pair: pair[1].unclaimed_since)
    return [replace(item, hop=lease.hop) for item, lease in due[: policy.max_redeliveries]]


def _look_again_at(
    state: QueueState, live: _LiveRuns, changes: Sequence[Change], policy: DispatchPolicy, *, has_more_to_admit: bool
) -> datetime | None:
    """The next moment at which a change is due without an event."""
    moments = [lease.expires_at for _, lease in live.running]
    waits_for_claims = bool(live.unclaimed) or any(change.action == "ADMIT" for change in changes)
    if has_more_to_admit and waits_for_claims:  # no event announces a claim
        moments.append(state.now + policy.look_for_claims_after)
    moments += [lease.unclaimed_since + policy.redeliver_after for _, lease in live.unclaimed]
    if state.next_available_at:
        moments.append(state.next_available_at)
    for after in (change.after for change in changes if change.after):
        moments.append(after.available_at)
        if after.processing_started_at and after.lease_expires_at:
            moments += [after.processing_started_at + policy.redeliver_after, after.lease_expires_at]
    return min((moment for moment in moments if moment > state.now), default=None)
