"""Admits waiting runs: within each tenant's limits, alternating among tenants, by aged priority within one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.domain.dispatching.changes import Change
from shared.domain.dispatching.queue_state import (
    CLOSING,
    CONCURRENT_LIMIT,
    DAILY_LIMIT,
    PIPELINE_BUSY,
    PLATFORM_BUSY,
    SUBSCRIPTION_NOT_LIVE,
    QueueItem,
    RunKey,
    TenantLimits,
)
from shared.domain.dispatching.settling import with_lease

QUOTA_EXCEEDED = "QUOTA_EXCEEDED"
_NOT_LIVE = "The tenant or its subscription is not active; ask the operator."
# A waiting run's priority rises by one in this time, so that newer runs of higher priority cannot delay it for ever.
AGEING_STEP = timedelta(minutes=15)


@dataclass
class DailyStarts:
    """The number of runs that a tenant may still start today.

    `reserved`: how many of them waiting runs and due schedules will need. Backfills leave these alone.
    """

    left: int
    reserved: int

    def allow(self, item: QueueItem) -> bool:
        """Whether the day's limit lets the item start. A run counts once, on the day of its first attempt."""
        if item.is_counted:
            return True
        return self.left > (self.reserved if item.is_backfill else 0)

    def reserve(self, item: QueueItem) -> None:
        """Reserve a start for a waiting item, unless it is a backfill's."""
        if not item.is_counted and not item.is_backfill:
            self.reserved += 1

    def take(self, item: QueueItem) -> None:
        """Count the start of an item. It was reserved unless the item is a backfill's."""
        if item.is_counted:
            return
        self.left -= 1
        if not item.is_backfill:
            self.reserved -= 1


@dataclass
class TenantQueue:
    """A tenant's waiting items, and what decides whether they start: limits, live runs, starts left today."""

    limits: TenantLimits
    live: set[RunKey]
    live_count: int
    starts: DailyStarts
    waiting: list[QueueItem]

    def candidates(self) -> list[QueueItem]:
        """The waiting items that could start now if this were the only tenant, best first."""
        busy, slots, starts = set(self.live), self._free_slots(), replace(self.starts)
        chosen: list[QueueItem] = []
        for item in self.waiting:
            if len(chosen) >= slots:
                break
            if item.key in busy or not starts.allow(item):
                continue
            busy.add(item.key)
            starts.take(item)
            chosen.append(item)
        return chosen

    def count(self, item: QueueItem) -> None:
        """Count an admission."""
        self.starts.take(item)
        self.live_count += 1
        self.live.add(item.key)

    def refuse_or_wait(self, item: QueueItem) -> Change | None:
        """The change of an item that is not admitted. None if it waits for the same reason as before.

        A manual run that cannot start today is refused. Every other item gets its reason to wait.
        """
        if item.is_manual and not self.limits.is_live:
            return Change("REFUSE", item, None, SUBSCRIPTION_NOT_LIVE, _NOT_LIVE)
        if item.is_manual and not self.starts.allow(item):
            message = (
                f"The daily limit of {self.limits.daily_limit} runs is used up; start the run again after midnight UTC."
            )
            return Change("REFUSE", item, None, QUOTA_EXCEEDED, message)
        reason = self._wait_reason(item)
        return Change("WAIT", item, replace(item, wait_reason=reason)) if reason != item.wait_reason else None

    def _wait_reason(self, item: QueueItem) -> str:
        if not self.limits.is_live:
            return SUBSCRIPTION_NOT_LIVE
        if not self.starts.allow(item):
            return DAILY_LIMIT
        if item.key in self.live:
            return PIPELINE_BUSY
        return CONCURRENT_LIMIT if self._free_slots() <= 0 else PLATFORM_BUSY

    def _free_slots(self) -> int:
        return self.limits.concurrent_limit - self.live_count if self.limits.is_live else 0


def tenant_queues(
    live: Iterable[QueueItem],
    waiting: Iterable[QueueItem],
    limits: Mapping[str, TenantLimits],
    now: datetime,
    to_close: Collection[str],
) -> list[TenantQueue]:
    """A queue for each tenant with waiting items. The tenant whose last admission is oldest comes first.

    The runs `to_close` come before all others of their tenant: a closing takes seconds, and until it ends the run is
    not cancelled and still blocks a backfill.
    """
    queues: dict[str, TenantQueue] = {}
    for item in sorted(waiting, key=lambda item: (item.run_id not in to_close, *aged_order(item, now))):
        queue = queues.get(item.tenant_id) or _empty_queue(limits.get(item.tenant_id) or _nothing(item.tenant_id))
        queues[item.tenant_id] = queue
        queue.waiting.append(item)
        queue.starts.reserve(item)
    for item in live:
        if queue_of_live := queues.get(item.tenant_id):
            queue_of_live.live.add(item.key)
            queue_of_live.live_count += 1
    return sorted(queues.values(), key=_rotation_order)


def _empty_queue(limits: TenantLimits) -> TenantQueue:
    starts = DailyStarts(left=limits.daily_limit - limits.started_today, reserved=limits.due_today)
    return TenantQueue(limits=limits, live=set(), live_count=0, starts=starts, waiting=[])


def _nothing(tenant_id: str) -> TenantLimits:
    """The limits of a tenant that has none: it may start nothing."""
    return TenantLimits(tenant_id=tenant_id, is_live=False, daily_limit=0, concurrent_limit=0, started_today=0)


def aged_order(item: QueueItem, now: datetime) -> tuple[int, datetime, str]:
    """The sort key within a tenant: first the highest aged priority, then the earliest scheduled time.

    A backfill's runs wait for days by design: if they aged, they would start before the day's own runs.
    """
    aged = item.priority + (0 if item.is_backfill else max(0, (now - item.added_at) // AGEING_STEP))
    return (-aged, item.scheduled_time, item.run_id)


def _rotation_order(queue: TenantQueue) -> tuple[bool, float, int, str]:
    admitted_at, tenant_id = queue.limits.last_admitted_at, queue.limits.tenant_id
    return (admitted_at is not None, admitted_at.timestamp() if admitted_at else 0.0, queue.live_count, tenant_id)


@dataclass
class Capacity:
    """The number of runs for which the platform still has room.

    `admissions_left`: how many more runs this call may admit. `unclaimed`: how many admitted runs of each tenant wait
    for an executor. `max_unclaimed_of_tenant`: how many of one tenant may wait for one.
    """

    admissions_left: int
    free_executors: int
    max_unclaimed_of_tenant: int
    unclaimed: Counter[str]

    def has_room_for(self, queue: TenantQueue, picked: int) -> bool:
        """Whether a tenant may have another item picked, after `picked` of them.

        A tenant gets another executor only while it holds fewer than are free, so that the next tenant finds one.
        """
        unclaimed = self.unclaimed[queue.limits.tenant_id] + picked
        leaves_executors = queue.live_count + picked < self.free_executors
        return self.admissions_left > 0 and leaves_executors and unclaimed < self.max_unclaimed_of_tenant

    def use(self) -> None:
        """Count one admission."""
        self.admissions_left -= 1
        self.free_executors -= 1


def pick_in_rotation(
    queues: Sequence[TenantQueue], capacity: Capacity
) -> tuple[list[tuple[TenantQueue, QueueItem]], bool]:
    """Pick one item of each tenant, then a second of each, and so on, within the capacity.

    The second value says whether the capacity left out items that could start.
    """
    candidates = [(queue, queue.candidates()) for queue in queues]
    picks: list[tuple[TenantQueue, QueueItem]] = []
    for rotation in range(max((len(items) for _, items in candidates), default=0)):
        for queue, items in candidates:
            if rotation < len(items) and capacity.has_room_for(queue, rotation):
                capacity.use()
                picks.append((queue, items[rotation]))
    return picks, len(picks) < sum(len(items) for _, items in candidates)


def start_attempt(item: QueueItem, now: datetime, lease: timedelta, new_id: Callable[[], str]) -> Change:
    """Give the item a new attempt under a new lease. The first attempt counts on its UTC day."""
    counted = replace(item, attempt=item.attempt + 1, quota_date=item.quota_date or now.date())
    return Change("ADMIT", item, with_lease(counted, new_id(), now, lease, hop=0))


def start_closing(item: QueueItem, now: datetime, lease: timedelta, new_id: Callable[[], str]) -> Change:
    """Give a run that was cancelled between two attempts a lease for its closing task, but no new attempt."""
    closing = with_lease(item, new_id(), now, lease, hop=0)
    return Change("ADMIT", item, replace(closing, wait_reason=CLOSING))
