"""Settles live runs by their executors' events, expired leases and requested cancels."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.domain.dispatching.changes import Change
from shared.domain.dispatching.queue_state import (
    CLOSING,
    GOOGLE_QUOTA,
    PLATFORM_BUSY,
    PROCESSING,
    QUEUED,
    RETRY_BACKOFF,
    QueueItem,
    RunSign,
)
from shared.domain.dispatching.retry import RetryPolicy, may_retry

LEASE_EXPIRED = "LEASE_EXPIRED"
EXECUTOR_SILENT = "The executor stopped reporting before the run ended."
_LONGEST_UNCLAIMED_LEASE = timedelta(hours=1)
# The order matters: SUCCEEDED comes first, because no later event undoes a publish.
_TERMINAL = ("SUCCEEDED", "CANCELLED", "FAILED", "PAUSED")

_SIGNS_OF_LIFE = ("HEARTBEAT", "STEP")


@dataclass(frozen=True)
class Lease:
    """The state of a live item's lease, derived from its events.

    ended_by: the event that ended the attempt, or None.
    hop: the hop that executes, or that the next executor has to claim.
    is_claimed: an executor has taken this hop.
    unclaimed_since: when the run was admitted, or last handed over.
    stale_signs: ends of older leases, which are ignored.
    """

    ended_by: RunSign | None
    hop: int
    is_claimed: bool
    unclaimed_since: datetime
    expires_at: datetime
    stale_signs: int


def read_lease(item: QueueItem, signs: Sequence[RunSign], lease_length: timedelta) -> Lease:
    """The state of the item's present lease. Events of older leases are counted and otherwise ignored."""
    current = [sign for sign in signs if sign.lease_id == item.lease_id]
    endings = {sign.kind: sign for sign in current if sign.kind in _TERMINAL}
    handed_over = [sign for sign in current if sign.kind == "HANDED_OVER"]
    ended_hops = [item.hop if sign.hop is None else sign.hop for sign in handed_over]
    hop = max([item.hop, *(ended + 1 for ended in ended_hops)])
    admitted_at = item.processing_started_at or item.available_at
    unclaimed_since = max([admitted_at, *(sign.occurred_at for sign in handed_over)])
    seen_at = [sign.occurred_at for sign in current if sign.kind != "CANCEL_REQUESTED"]
    granted_until = item.lease_expires_at or admitted_at
    return Lease(
        ended_by=next((endings[kind] for kind in _TERMINAL if kind in endings), None),
        hop=hop,
        is_claimed=any(_shows_claim(sign, hop, unclaimed_since) for sign in current),
        unclaimed_since=unclaimed_since,
        expires_at=max([granted_until, *(moment + lease_length for moment in seen_at)]),
        stale_signs=sum(sign.lease_id != item.lease_id and sign.kind in _TERMINAL for sign in signs),
    )


def _shows_claim(sign: RunSign, hop: int, unclaimed_since: datetime) -> bool:
    if sign.kind == "CLAIMED":
        return (sign.hop or 0) >= hop
    return sign.kind in _SIGNS_OF_LIFE and sign.occurred_at > unclaimed_since  # the event CLAIMED was lost


@dataclass(frozen=True)
class Settler:
    """Decides what happens to one live item at `now`.

    `pause` is the longest wait for a quota at Google. `new_id` makes lease ids.
    """

    now: datetime
    lease_length: timedelta
    pause: timedelta
    retry: RetryPolicy
    rng: random.Random
    new_id: Callable[[], str]

    def settle(self, item: QueueItem, lease: Lease, *, cancel_requested: bool) -> Change | None:
        """The change of a live item, or None while it continues.

        An executor sees a cancel request itself and ends its run. If the dispatcher ended the run, that could race with
        the publish. If the executor is gone, a closing task reads whether the run has published, and cancels it if not.
        """
        if lease.ended_by is not None:
            return self._settle_ended(item, lease, lease.ended_by, cancel_requested=cancel_requested)
        if lease.expires_at <= self.now:
            return self._settle_expired(item, lease, cancel_requested=cancel_requested)
        if lease.hop > item.hop:
            return Change("HOP", item, replace(item, hop=lease.hop))
        return None

    def _settle_ended(self, item: QueueItem, lease: Lease, sign: RunSign, *, cancel_requested: bool) -> Change:
        if sign.kind == "SUCCEEDED":
            return Change("COMPLETE", item, None)
        if sign.kind == "CANCELLED":
            return cancelled(item)
        if sign.kind == "PAUSED" and not cancel_requested:
            return self._pause(item, sign)
        if sign.retryable is not False and (cancel_requested or not self._has_attempts_left(item)):
            return self._send_closing_task(item, lease)  # the executor does not know whether its publish took effect
        return self._retry_or_fail(item, sign.retryable, sign.error_class or "INTERNAL", sign.error_message)

    def _settle_expired(self, item: QueueItem, lease: Lease, *, cancel_requested: bool) -> Change:
        if item.wait_reason == CLOSING:
            if cancel_requested:
                return cancelled(item)
            return self._retry_or_fail(item, True, LEASE_EXPIRED, EXECUTOR_SILENT)
        if cancel_requested or (lease.is_claimed and not self._has_attempts_left(item)):
            return self._send_closing_task(item, lease)
        if lease.is_claimed:
            return self._retry_or_fail(item, True, LEASE_EXPIRED, EXECUTOR_SILENT)
        return self._renew_lease(item, lease)

    def _has_attempts_left(self, item: QueueItem) -> bool:
        return may_retry(attempt=item.attempt, max_retries=item.max_retries, retryable=True)

    def _send_closing_task(self, item: QueueItem, lease: Lease) -> Change:
        # The last executor may have published and died before it said so. A closing task finds out under a lease of
        # its own; when that lease expires too, the run has failed, or was cancelled. See docs/adr/0012.
        closing = with_lease(item, self.new_id(), self.now, self.lease_length, hop=lease.hop + 1)
        return Change("RENEW", item, replace(closing, wait_reason=CLOSING))

    def _retry_or_fail(self, item: QueueItem, retryable: bool | None, error_class: str, message: str | None) -> Change:
        if not may_retry(attempt=item.attempt, max_retries=item.max_retries, retryable=retryable):
            return Change("FAIL", item, None, error_class, message)
        waiting = _queued(item, self.now + self.retry.backoff(item.attempt, self.rng), RETRY_BACKOFF)
        return Change("RETRY", item, replace(waiting, priority=item.priority - 1), error_class, message)

    def _pause(self, item: QueueItem, sign: RunSign) -> Change:
        # The run did not fail, so no attempt is used up: the next admission has the same attempt number.
        later = self.now + self.pause * self.rng.uniform(0.5, 1)
        waiting = replace(_queued(item, later, GOOGLE_QUOTA), attempt=item.attempt - 1)
        return Change("PAUSE", item, waiting, sign.error_class, sign.error_message)

    def _renew_lease(self, item: QueueItem, lease: Lease) -> Change:
        # No executor claimed the run, so no attempt is used up. The lease is new, so that a late task is stale. It is
        # twice as long, so that a busy Cloud Tasks queue can deliver the task in time. The hop is new, so that the
        # task has a new name.
        granted = (item.lease_expires_at or self.now) - (item.processing_started_at or self.now)
        length = max(self.lease_length, min(2 * granted, _LONGEST_UNCLAIMED_LEASE))
        return Change("RENEW", item, with_lease(item, self.new_id(), self.now, length, hop=lease.hop + 1))


def _queued(item: QueueItem, available_at: datetime, wait_reason: str) -> QueueItem:
    return replace(
        item,
        state=QUEUED,
        available_at=available_at,
        hop=0,
        lease_id=None,
        lease_expires_at=None,
        processing_started_at=None,
        wait_reason=wait_reason,
    )


def cancelled(item: QueueItem) -> Change:
    """The end of a run whose cancellation was requested."""
    return Change("CANCEL", item, None, "CANCELLED", "The run was cancelled.")


def with_lease(item: QueueItem, lease_id: str, now: datetime, length: timedelta, *, hop: int) -> QueueItem:
    """The item under a new lease. If the lease is renewed, the item shows why its executor has not begun."""
    return replace(
        item,
        state=PROCESSING,
        hop=hop,
        lease_id=lease_id,
        lease_expires_at=now + length,
        processing_started_at=now,
        wait_reason=PLATFORM_BUSY if item.state == PROCESSING else None,
    )


def requested_cancels(signs: Iterable[RunSign]) -> frozenset[str]:
    """The runs whose cancellation is requested, under any lease."""
    return frozenset(sign.run_id for sign in signs if sign.kind == "CANCEL_REQUESTED")
