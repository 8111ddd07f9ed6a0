"""The dispatcher's decision: a pure function of one read of the queue and its clock."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from shared.domain.dispatching.admission import Handout, admitted, admitted_to_close, make_lanes, take_turns
from shared.domain.dispatching.changes import Change, Decision
from shared.domain.dispatching.queue_state import PROCESSING, QueueItem, QueueState, RunSign, TenantShare
from shared.domain.dispatching.retry import RetryPolicy
from shared.domain.dispatching.settling import Lease, Settler, cancelled, read_lease, requested_cancels

MOST_CHANGES = 4_000  # as many as one transaction applies


@dataclass(frozen=True)
class DispatchPolicy:
    """The platform's own numbers.

    lease: how long an executor may stay silent. redeliver_after: how long an admitted run may stay unclaimed before
    its task is created again. max_redeliveries: of those, how many a call. max_unclaimed: admitted runs that may wait
    for an executor, and those of one tenant; more would only wait in Cloud Tasks, in front of others. executors: how
    many there are. max_changes: how many one transaction applies. pause: how long a run waits, at most, before it asks
    again whether a quota of Google's is there.
    """

    lease: timedelta = timedelta(minutes=5)
    redeliver_after: timedelta = timedelta(seconds=10)
    max_redeliveries: int = 200
    max_unclaimed: int = 2_000
    max_unclaimed_of_tenant: int = 2_000
    executors: int = 4_000
    max_changes: int = MOST_CHANGES
    pause: timedelta = timedelta(minutes=5)
    retry: RetryPolicy = field(default_factory=RetryPolicy)


@dataclass(frozen=True)
class _LiveRuns:
    """The live items after settling: what goes on, what changes, and what is known of their leases."""

    running: list[tuple[QueueItem, Lease]]
    changes: list[Change]
    stale_signs: int

    @property
    def unclaimed(self) -> list[tuple[QueueItem, Lease]]:
        return [(item, lease) for item, lease in self.running if not lease.is_claimed]


def decide(
    state: QueueState, *, policy: DispatchPolicy, max_runs: int, rng: random.Random, new_id: Callable[[], str]
) -> Decision:
    """Settle, rescue, cancel, admit: at most `max_runs` admissions, one change for each item."""
    settler = Settler(state.now, policy.lease, policy.pause, policy.retry, rng, new_id)
    cancels = requested_cancels(state.signs)
    live = _settle_live(state, settler, cancels)
    shares = {share.tenant_id: share for share in state.tenants}
    queued = [item for item in state.items if item.state != PROCESSING]
    to_close = {item.run_id for item in queued if item.run_id in cancels and _may_have_published(item, shares)}
    dropped = [cancelled(item) for item in queued if item.run_id in cancels - to_close]
    ready = [item for item in queued if item.run_id not in cancels and item.available_at <= state.now]
    ready += [item for item in queued if item.run_id in to_close]

    lanes = make_lanes((item for item, _ in live.running), ready, shares, state.now, to_close)
    room = policy.max_unclaimed - len(live.unclaimed)
    untaken = Counter(item.tenant_id for item, _ in live.unclaimed)
    free = policy.executors - len(live.running)
    picks, more = take_turns(lanes, Handout(min(max_runs, room), free, policy.max_unclaimed_of_tenant, untaken))
    admissions = []
    for lane, item in picks:
        admit = admitted_to_close if item.run_id in to_close else admitted
        admissions.append(admit(item, state.now, policy.lease, new_id))
        lane.count(item)
    taken = {item.run_id for _, item in picks}
    told = [lane.outcome(item) for lane in lanes for item in lane.waiting if item.run_id not in taken]
    refusals = [change for change in told if change and change.after is None]
    waits = [change for change in told if change and change.after]

    # What ends without an executor frees none, so it comes after what waits for one.
    changes = [*live.changes, *admissions, *dropped, *refusals, *waits]
    return Decision(
        changes=tuple(changes[: policy.max_changes]),
        redeliver=tuple(_due_for_redelivery(live, state.now, policy)),
        look_again_at=_look_again_at(state, live, changes, policy, more_wait=more),
        # Who left the queue may have hidden others: the read sees only its front, and no more news than are applied.
        work_remains=(more and len(picks) == max_runs)
        or bool(dropped or refusals)
        or len(changes) >= policy.max_changes,
        stale_signs=live.stale_signs,
    )


def _settle_live(state: QueueState, settler: Settler, cancels: frozenset[str]) -> _LiveRuns:
    signs: dict[str, list[RunSign]] = defaultdict(list)
    for sign in state.signs:
        signs[sign.run_id].append(sign)
    result = _LiveRuns([], [], 0)
    stale = 0
    for item in state.items:
        if item.state != PROCESSING:
            continue
        lease = read_lease(item, signs[item.run_id], settler.lease)
        stale += lease.stale_signs
        change = settler.settle(item, lease, cancel_requested=item.run_id in cancels)
        if change:
            result.changes.append(change)
        if change is None or (change.after and change.after.state == PROCESSING):
            result.running.append((item, lease))
    return _LiveRuns(result.running, result.changes, stale)


def _may_have_published(item: QueueItem, shares: Mapping[str, TenantShare]) -> bool:
    # To find out takes a slot, which not every tenant has.
    share = shares.get(item.tenant_id)
    return item.quota_date is not None and share is not None and share.is_live and share.concurrent_limit > 0


def _due_for_redelivery(live: _LiveRuns, now: datetime, policy: DispatchPolicy) -> Iterable[QueueItem]:
    due = [
        (lease.unclaimed_since, replace(item, hop=lease.hop))
        for item, lease in live.unclaimed
        if lease.unclaimed_since + policy.redeliver_after <= now < lease.expires_at
    ]
    due.sort(key=lambda pair: pair[0])
    return [item for _, item in due[: policy.max_redeliveries]]


def _look_again_at(
    state: QueueState, live: _LiveRuns, changes: Sequence[Change], policy: DispatchPolicy, *, more_wait: bool
) -> datetime | None:
    """The next moment at which something is due that no event will announce."""
    moments = [lease.expires_at for _, lease in live.running]
    is_handed_out = live.unclaimed or any(change.action == "ADMIT" for change in changes)
    if more_wait and is_handed_out:  # nobody says that an executor took one
        moments.append(state.now + policy.redeliver_after / 2)
    moments += [lease.unclaimed_since + policy.redeliver_after for _, lease in live.unclaimed]
    if state.next_available_at:
        moments.append(state.next_available_at)
    for after in (change.after for change in changes if change.after):
        moments.append(after.available_at)
        if after.processing_started_at and after.lease_expires_at:
            moments += [after.processing_started_at + policy.redeliver_after, after.lease_expires_at]
    return min((moment for moment in moments if moment > state.now), default=None)
