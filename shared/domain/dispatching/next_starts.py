"""Admits waiting runs: within each tenant's limits, alternating among tenants, by aged priority within one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.domain.dispatching.changes import Change
from shared.domain.dispatching.queue_state import QueueItem, RunKey, TenantShare
from shared.domain.dispatching.settling import CLOSING, with_lease

QUOTA_EXCEEDED = "QUOTA_EXCEEDED"
SUBSCRIPTION_NOT_LIVE = "SUBSCRIPTION_NOT_LIVE"
# A waiting run's priority rises by one in this time, so that newer runs of higher priority cannot delay it for ever.
AGEING_STEP = timedelta(minutes=15)
DEFAULT_MAX_RUNS = 2_000  # as many decisions as one transaction takes


@dataclass
class Starts:
    """The runs that a tenant may still start today.

    `reserved`: how many of these waiting runs and due schedules will need. Backfills do not use them.
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
class Lane:
    """One tenant in the admission: its live runs, the runs that it may still start today, and its waiting items."""

    share: TenantShare
    live: set[RunKey]
    live_count: int
    starts: Starts
    waiting: list[QueueItem]

    def admissible(self) -> list[QueueItem]:
        """The waiting items that could start now if this were the only tenant, best first."""
        busy, slots, starts = set(self.live), self._slots(), replace(self.starts)
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

    def outcome(self, item: QueueItem) -> Change | None:
        """The change of an item that was not admitted: it gets a reason to wait, or a manual run is refused."""
        if not self.share.is_live:
            return _told(item, SUBSCRIPTION_NOT_LIVE, "The subscription is not live.", refuse=item.is_manual)
        if not self.starts.allow(item):
            message = f"The daily limit of {self.share.daily_limit} runs is used up."
            if item.is_manual:
                return _told(item, QUOTA_EXCEEDED, message, refuse=True)
            return _told(item, "DAILY_LIMIT", message, refuse=False)
        if item.key in self.live:
            return _told(item, "PIPELINE_BUSY")
        return _told(item, "CONCURRENT_LIMIT" if self._slots() <= 0 else "PLATFORM_BUSY")

    def _slots(self) -> int:
        return self.share.concurrent_limit - self.live_count if self.share.is_live else 0


def _told(item: QueueItem, reason: str, message: str | None = None, *, refuse: bool = False) -> Change | None:
    if refuse:
        return Change("REFUSE", item, None, reason, message)
    return Change("WAIT", item, replace(item, wait_reason=reason)) if item.wait_reason != reason else None


def make_lanes(
    live: Iterable[QueueItem],
    waiting: Iterable[QueueItem],
    shares: Mapping[str, TenantShare],
    now: datetime,
    to_close: Collection[str],
) -> list[Lane]:
    """A lane for each tenant with waiting items. The tenant whose last admission is oldest comes first.

    The runs `to_close` come before all others of their lane: a closing takes seconds, and until it ends the run is
    not cancelled and still blocks a backfill.
    """
    lanes: dict[str, Lane] = {}
    for item in sorted(waiting, key=lambda item: (item.run_id not in to_close, *aged_order(item, now))):
        share = shares.get(item.tenant_id) or TenantShare(item.tenant_id, False, 0, 0, 0)
        starts = Starts(share.daily_limit - share.started_today, share.due_today)
        lane = lanes.setdefault(item.tenant_id, Lane(share, set(), 0, starts, []))
        lane.waiting.append(item)
        lane.starts.reserve(item)
    for item in live:
        if lane_of_live := lanes.get(item.tenant_id):
            lane_of_live.live.add(item.key)
            lane_of_live.live_count += 1
    return sorted(lanes.values(), key=_rotation_order)


def aged_order(item: QueueItem, now: datetime) -> tuple[int, datetime, str]:
    """The sort key within a tenant: first the highest aged priority, then the earliest scheduled time.

    A backfill's runs wait for days by design: if they aged, they would start before the day's own runs.
    """
    aged = item.priority + (0 if item.is_backfill else max(0, (now - item.added_at) // AGEING_STEP))
    return (-aged, item.scheduled_time, item.run_id)


def _rotation_order(lane: Lane) -> tuple[bool, float, int, str]:
    served_at = lane.share.last_admitted_at
    return (served_at is not None, served_at.timestamp() if served_at else 0.0, lane.live_count, lane.share.tenant_id)


@dataclass
class Handout:
    """The number of runs that may still be admitted now.

    `at_most`: the limit for all tenants together. `executors`: how many are free. `of_tenant`: how many admitted runs
    of a tenant may wait for an executor. `untaken`: how many of them each tenant has.
    """

    at_most: int
    executors: int
    of_tenant: int
    untaken: Counter[str]

    def takes(self, lane: Lane, more: int) -> bool:
        """Whether a tenant that got `more` admissions in this call may have another one.

        A tenant gets another executor only while it holds fewer than are free, so that the next tenant finds one.
        """
        tenant_id = lane.share.tenant_id
        is_free = lane.live_count + more < self.executors
        return self.at_most > 0 and is_free and self.untaken[tenant_id] + more < self.of_tenant

    def take(self) -> None:
        """Count one run."""
        self.at_most -= 1
        self.executors -= 1


def pick_in_rotation(lanes: Sequence[Lane], handout: Handout) -> tuple[list[tuple[Lane, QueueItem]], bool]:
    """Pick one item of each lane, then a second of each, within the handout. Return also whether some are left."""
    queues = [(lane, lane.admissible()) for lane in lanes]
    picks: list[tuple[Lane, QueueItem]] = []
    for rotation in range(max((len(items) for _, items in queues), default=0)):
        for lane, items in queues:
            if rotation < len(items) and handout.takes(lane, rotation):
                handout.take()
                picks.append((lane, items[rotation]))
    return picks, len(picks) < sum(len(items) for _, items in queues)


def admitted(item: QueueItem, now: datetime, lease: timedelta, new_id: Callable[[], str]) -> Change:
    """The item with a new attempt under a new lease. The first attempt counts on its UTC day."""
    counted = replace(item, attempt=item.attempt + 1, quota_date=item.quota_date or now.date())
    return Change("ADMIT", item, with_lease(counted, new_id(), now, lease, hop=0))


def admitted_to_close(item: QueueItem, now: datetime, lease: timedelta, new_id: Callable[[], str]) -> Change:
    """A lease for the closing task of a run that was cancelled between two attempts, without a new attempt."""
    asked = with_lease(item, new_id(), now, lease, hop=0)
    return Change("ADMIT", item, replace(asked, wait_reason=CLOSING))
