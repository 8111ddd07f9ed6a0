"""Decides what a tenant may start and queue: by its daily limit, its slots, and the number of runs that may wait.

A run that waits costs the dispatcher time, so the number of a tenant's waiting runs is limited too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from shared.domain.dispatching.queue_state import CONCURRENT_LIMIT, DAILY_LIMIT, PIPELINE_BUSY, PROCESSING, QUEUED
from shared.domain.runs.backfill import BackfillQuota
from shared.errors import Conflict, QuotaExceeded, TooManyRequests, TooManyWaiting

_WAITING_DAYS = 10  # a tenant's waiting runs may fill its daily limit for this many days
_MIN_WAITING = 100
# When a refused caller may try again.
_RETRY_WHEN_SOME_ENDED_SECONDS = 300
_RETRY_WHEN_ACCEPTED_SECONDS = 5


@dataclass(frozen=True)
class QueuedGroup:
    """Items of a tenant's queue that are alike.

    `kind`: manual, scheduled or backfill. `is_uncounted`: the runs are not admitted yet, so no day's quota counts them.
    `is_ahead`: the runs may start now, before a manual run that is accepted now. `backfill_id`: the id of one backfill
    among them.
    """

    pipeline_id: str
    source: str | None
    state: str
    kind: str
    is_uncounted: bool
    is_ahead: bool
    items: int
    backfill_id: str | None = None

    @property
    def key(self) -> tuple[str, str | None]:
        """The pipeline and source. At most one run of a pipeline and source is live."""
        return (self.pipeline_id, self.source)


@dataclass(frozen=True)
class Start:
    """The predicted start: RUNNING, or PENDING with the reason and the place in the tenant's queue."""

    status: str
    wait_reason: str | None = None
    queue_position: int | None = None


@dataclass(frozen=True)
class Usage:
    """A tenant's limits, the runs it started today (UTC) and its queue, at `now`.

    `schedules`: how many are active. `due_today`: how many of them have their next tick before this UTC day ends.
    """

    now: datetime
    daily_limit: int
    concurrent_limit: int
    started_today: int
    queue: tuple[QueuedGroup, ...]
    schedules: int = 0
    due_today: int = 0

    @property
    def used_today(self) -> int:
        """The runs counted today, and the waiting manual runs that are not counted yet."""
        return self.started_today + self._uncounted("manual")

    @property
    def running(self) -> int:
        """The runs that have a slot."""
        return _count(group for group in self.queue if group.state == PROCESSING)

    @property
    def waiting(self) -> int:
        """The runs that wait for a slot, for quota or for another attempt."""
        return _count(group for group in self.queue if group.state != PROCESSING)

    def check_daily_limit(self, *, in_flight: int = 0) -> None:
        """Raise QuotaExceeded if today's runs have used up the daily limit.

        `in_flight`: the number of runs that are being accepted now and that this read may not show. If they could use
        up the limit, it raises TooManyRequests.
        """
        used = self.used_today
        if used >= self.daily_limit:
            resets_at = next_utc_midnight(self.now)
            retry_after = int((resets_at - self.now).total_seconds()) + 1
            raise QuotaExceeded(limit=self.daily_limit, used=used, resets_at=resets_at, retry_after=retry_after)
        if used + in_flight >= self.daily_limit:
            raise _too_many_at_once()

    def check_waiting_limit(self, runs: int = 1, *, in_flight: int = 0) -> None:
        """Raise TooManyWaiting if `runs` more would exceed the limit of waiting runs.

        It raises TooManyRequests if the runs `in_flight` could exceed it (see check_daily_limit). Calls to several
        instances at the same moment may together exceed the limit. That is harmless: the limit only protects the
        platform.
        """
        waiting, limit = self.waiting, waiting_limit(self.daily_limit)
        if waiting + runs > limit:
            raise TooManyWaiting(
                f"{waiting} runs of this tenant wait, and {runs} more would exceed the limit of {limit}; "
                "wait until some have ended.",
                limit=limit,
                waiting=waiting,
                retry_after=_RETRY_WHEN_SOME_ENDED_SECONDS,
            )
        if waiting + runs + in_flight > limit:
            raise _too_many_at_once()

    def predict_start(self, pipeline_id: str, source: str | None) -> Start:
        """The start of a run that is accepted now: RUNNING if a slot is free, otherwise the reason to wait."""
        live = [group for group in self.queue if group.state == PROCESSING]
        ahead = [group for group in self.queue if group.state != PROCESSING and group.is_ahead]
        free = max(self.concurrent_limit - _count(live), 0)
        starting = len({group.key for group in ahead} - {group.key for group in live})
        position = _count(ahead) - min(free, starting) + 1
        if any(group.key == (pipeline_id, source) for group in live + ahead):
            return Start("PENDING", PIPELINE_BUSY, position)
        if _count(live + ahead) >= self.concurrent_limit:
            return Start("PENDING", CONCURRENT_LIMIT, position)
        return Start("RUNNING")

    def predict_backfill(self, pipeline_id: str, source: str | None) -> Start:
        """A backfill's start: PENDING, with the reason if it is known before the dispatcher's next call."""
        if self.backfill_quota().remaining == 0:
            return Start("PENDING", DAILY_LIMIT)
        return Start("PENDING", self.predict_start(pipeline_id, source).wait_reason)

    def backfill_quota(self) -> BackfillQuota:
        """The part of the daily limit that a backfill may use."""
        reserved = self.due_today + self._uncounted("scheduled")
        return BackfillQuota(self.daily_limit, self.used_today, reserved, self.schedules)

    def check_no_backfill_waits(self, pipeline_id: str, source: str | None) -> None:
        """Raise Conflict while runs of an earlier backfill of this pipeline and source wait."""
        waiting = [
            group
            for group in self.queue
            if group.kind == "backfill" and group.state == QUEUED and group.key == (pipeline_id, source)
        ]
        if waiting:
            raise Conflict(
                "Runs of another backfill of this pipeline still wait; cancel it, or wait until they have started.",
                backfill_id=waiting[0].backfill_id,
                waiting_runs=_count(waiting),
            )

    def _uncounted(self, kind: str) -> int:
        return _count(group for group in self.queue if group.is_uncounted and group.kind == kind)


def _too_many_at_once() -> TooManyRequests:
    return TooManyRequests(
        "Other runs of this tenant are just being accepted; wait, then try again.",
        retry_after=_RETRY_WHEN_ACCEPTED_SECONDS,
    )


def _count(groups: Iterable[QueuedGroup]) -> int:
    return sum(group.items for group in groups)


def next_utc_midnight(now: datetime) -> datetime:
    """The end of the UTC day of `now`, at which daily limits are reset."""
    return datetime.combine(now.astimezone(UTC).date() + timedelta(days=1), time(), UTC)


def waiting_limit(daily_limit: int) -> int:
    """The number of runs of a tenant that may wait: as many as it can start in ten days, and at least 100."""
    return max(_MIN_WAITING, _WAITING_DAYS * daily_limit)
