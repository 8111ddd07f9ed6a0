"""Decides whether a manual run is accepted, and predicts its start. Only the dispatcher admits runs."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

from shared.domain.dispatching.queue_state import PROCESSING
from shared.domain.requests.auth import KeyOwner
from shared.domain.runs.backfill import BackfillQuota
from shared.domain.runs.waiting import check_waiting, waiting_limit
from shared.errors import Conflict, IdempotencyMismatch, QuotaExceeded, TooManyRequests

MANUAL_PRIORITY = 10
MANUAL_MAX_RETRIES = 3
_IDEMPOTENCY_WINDOW = timedelta(hours=24)
_LOOK_AGAIN_SECONDS = 5
_NAMESPACE = uuid.UUID("0b8f2b52-6f0a-4d0f-8a54-2b9f3f0c9a51")


@dataclass(frozen=True)
class RunRequest:
    """A request for a run. With the same `idempotency_key` a repeated request finds the first one's run."""

    body: Mapping[str, Any]
    user_id: str | None
    idempotency_key: str | None = None
    retry_of: str | None = None


@dataclass(frozen=True)
class QueuedGroup:
    """Items of a tenant's queue that are alike.

    `kind`: manual, scheduled or backfill. `is_uncounted`: the runs have not been admitted yet; the quota counts them
    when they are. `is_ahead`: the runs may start now, before a manual run that is accepted now. `backfill_id`: the id
    of one backfill among them.
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
        """The pipeline and source. At most one run of both is live."""
        return (self.pipeline_id, self.source)


@dataclass(frozen=True)
class Start:
    """The predicted start: RUNNING, or PENDING with the reason and the place in the tenant's queue."""

    status: str
    wait_reason: str | None = None
    queue_position: int | None = None


@dataclass(frozen=True)
class AcceptedRun:
    """A run or backfill that was accepted under its id before, with the answer and the digest of its body."""

    run_id: str
    start: Start
    body_digest: str
    accepted_at: datetime
    quota: BackfillQuota | None = None  # a backfill's
    is_replayed: bool = False

    def answers(self, body_digest: str, now: datetime) -> bool:
        """Whether it is the answer to a call with the same key; IdempotencyMismatch when that has another body."""
        return is_repeated_call(body_digest, now, first_digest=self.body_digest, first_at=self.accepted_at)


@dataclass(frozen=True)
class Usage:
    """A tenant's limits, the runs it started today (UTC) and its queue, at `now`.

    `schedules`: those that are active; `due_today`: those of them whose next tick comes before this UTC day ends.
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
        """Today's runs, and the manual ones that wait to be counted."""
        return self.started_today + self._uncounted("manual")

    def check_quota(self, *, unseen: int = 0) -> None:
        """QuotaExceeded when what is used today leaves nothing of the daily limit.

        TooManyRequests when `unseen` runs, which this standing may or may not show, would leave nothing.
        """
        used = self.used_today
        if used < self.daily_limit:
            return _check_unseen(used + unseen < self.daily_limit)
        resets_at = next_utc_midnight(self.now)
        retry_after = int((resets_at - self.now).total_seconds()) + 1
        raise QuotaExceeded(limit=self.daily_limit, used=used, resets_at=resets_at, retry_after=retry_after)

    def check_waiting(self, runs: int = 1, *, unseen: int = 0) -> None:
        """TooManyWaiting when so many more would be more than may wait; TooManyRequests as in check_quota.

        Calls at the same moment may together exceed the limit when several instances take them: the limit protects
        the platform and is not billed.
        """
        waiting = _count(group for group in self.queue if group.state != PROCESSING)
        check_waiting(daily_limit=self.daily_limit, waiting=waiting, more=runs)
        _check_unseen(waiting + unseen + runs <= waiting_limit(self.daily_limit))

    def predict_start(self, pipeline_id: str, source: str | None) -> Start:
        """The start of a run that is accepted now: RUNNING if a slot is free, otherwise the reason to wait."""
        live = [group for group in self.queue if group.state == PROCESSING]
        ahead = [group for group in self.queue if group.state != PROCESSING and group.is_ahead]
        position = _count(ahead) + 1
        if any(group.key == (pipeline_id, source) for group in live + ahead):
            return Start("PENDING", "PIPELINE_BUSY", position)
        if _count(live + ahead) >= self.concurrent_limit:
            return Start("PENDING", "CONCURRENT_LIMIT", position)
        return Start("RUNNING")

    def predict_backfill(self, pipeline_id: str, source: str | None) -> Start:
        """PENDING, with the reason if it is known before the dispatcher's next call."""
        if self.backfill_quota().remaining == 0:
            return Start("PENDING", "DAILY_LIMIT")
        return Start("PENDING", self.predict_start(pipeline_id, source).wait_reason)

    def backfill_quota(self) -> BackfillQuota:
        """The part of the daily limit that a backfill may use."""
        reserved = self.due_today + self._uncounted("scheduled")
        return BackfillQuota(self.daily_limit, self.used_today, reserved, self.schedules)

    def check_no_backfill(self, pipeline_id: str, source: str | None) -> None:
        """Conflict while runs of an earlier backfill of this pipeline and source wait."""
        key = ("backfill", "QUEUED", pipeline_id, source)
        waiting = [group for group in self.queue if (group.kind, group.state, *group.key) == key]
        if waiting:
            facts = {"backfill_id": waiting[0].backfill_id, "waiting_runs": _count(waiting)}
            raise Conflict(
                "Runs of another backfill of this pipeline still wait; cancel it, or wait until they have started.",
                **facts,
            )

    def _uncounted(self, kind: str) -> int:
        return _count(group for group in self.queue if group.is_uncounted and group.kind == kind)


def _check_unseen(leaves_room: bool) -> None:
    if not leaves_room:
        raise TooManyRequests(
            "Other runs of this tenant are just being accepted; wait, then try again.", retry_after=_LOOK_AGAIN_SECONDS
        )


def _count(groups: Iterable[QueuedGroup]) -> int:
    return sum(group.items for group in groups)


def next_utc_midnight(now: datetime) -> datetime:
    """The end of the UTC day of `now`, at which daily limits are reset."""
    return datetime.combine(now.astimezone(UTC).date() + timedelta(days=1), time(), UTC)


def repeatable_run_id(
    *, tenant_id: str, pipeline_id: str, idempotency_key: str, number: int, retry_of: str | None = None
) -> str:
    """The run's id for an Idempotency-Key: the same call finds the same run; `number` counts the ids that are used up.

    A key belongs to one route: to new runs, or to the retries of one run.
    """
    named = [tenant_id, pipeline_id, idempotency_key, number, *([retry_of] if retry_of else [])]
    return str(uuid.uuid5(_NAMESPACE, json.dumps(named)))


def is_repeated_call(digest: str, now: datetime, *, first_digest: str, first_at: datetime) -> bool:
    """Whether a call repeats the first one with its Idempotency-Key, which is the key's for a day.

    IdempotencyMismatch when it has another body.
    """
    if now - first_at > _IDEMPOTENCY_WINDOW:
        return False
    if first_digest != digest:
        raise IdempotencyMismatch
    return True


def body_digest(body: Mapping[str, Any]) -> str:
    """A digest of a request's body, independent of the order of its fields and short enough for a job label."""
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:40]


@dataclass(frozen=True)
class Standing:
    """A key's owner, and what its tenant has and uses; `credentials` maps providers to their credential's source.

    `asked_at`: the time just before the read, by the reader's clock.
    """

    owner: KeyOwner
    api_key_id: str
    usage: Usage
    credentials: Mapping[str, str | None]
    asked_at: float = 0.0


@dataclass(frozen=True)
class RequestedRuns:
    """The runs of one request: a single run, or a backfill's runs in their order.

    `request_id` is the id of the run or of the backfill. Each of `runs` has `run_id` and `parameters`.
    """

    request_id: str
    backfill_id: str | None
    runs: Sequence[Mapping[str, Any]]
    tenant_id: str
    provider: str
    domain: str
    pipeline_template: str
    pipeline_id: str
    source: str | None
    trigger_by: str
    user_id: str | None
    retry_of: str | None
    accepted_at: datetime
