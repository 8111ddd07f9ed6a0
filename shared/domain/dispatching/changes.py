"""Defines the changes that a decision of the dispatcher consists of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from shared.domain.dispatching.queue_state import QueueItem

Action = Literal["COMPLETE", "RETRY", "PAUSE", "FAIL", "CANCEL", "REFUSE", "RENEW", "HOP", "ADMIT", "WAIT"]


@dataclass(frozen=True)
class Change:
    """A change of an item. `after` is None if the run has ended and leaves the queue."""

    action: Action
    before: QueueItem
    after: QueueItem | None
    error_class: str | None = None
    error_message: str | None = None


@dataclass(frozen=True)
class Decision:
    """The decision of one call, made from one read.

    changes: in an order of which any prefix may be applied alone, because changes that free slots come first.
    redeliver: the admitted items that no executor claimed; they are delivered again unchanged.
    look_again_at: the time of the next change that no event announces.
    work_remains: another call, made now, could admit more runs.
    stale_signs: how many ends of older leases were read and ignored.
    """

    changes: tuple[Change, ...]
    redeliver: tuple[QueueItem, ...] = ()
    look_again_at: datetime | None = None
    work_remains: bool = False
    stale_signs: int = 0
