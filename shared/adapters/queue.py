"""The store of the queue: one read of everything the dispatcher decides on, one transaction for what it decided."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from shared.adapters.bigquery import Warehouse
from shared.adapters.job_errors import AssertionFailed
from shared.adapters.sql import statement
from shared.domain.admission import AGEING_STEP
from shared.domain.changes import Change, Decision
from shared.domain.dispatch import MOST_CHANGES
from shared.domain.queue_state import QueueItem, QueueState, RunSign, TenantShare
from shared.errors import TransactionAborted

_FRONT_PER_TENANT = 500
_CHANGES_BYTES = 7_000_000  # as the request has them, which takes ten million
MESSAGE_LENGTH = 1000


@dataclass(frozen=True)
class DispatchQueue:
    """Reads and changes pipeline_execution_queue and what goes with it.

    `most_untold`: of the runs that nobody has looked at yet, how many one read takes; each of them asks for a change.
    """

    warehouse: Warehouse
    most_untold: int = MOST_CHANGES

    def read(self) -> QueueState:
        """The present state. One job."""
        values = {
            "front": _FRONT_PER_TENANT,
            "untold": self.most_untold,
            "ageing_seconds": int(AGEING_STEP.total_seconds()),
        }
        (row,) = self.warehouse.read(statement("dispatch_read", "read_queue"), values)
        return QueueState(
            epoch=row["epoch"],
            now=row["now"],
            items=tuple(QueueItem(**item) for item in row["items"]),
            signs=tuple(RunSign(**sign) for sign in row["signs"]),
            tenants=tuple(TenantShare(**tenant) for tenant in row["tenants"]),
            queued_count=row["queued_count"],
            next_available_at=row["next_available_at"],
        )

    def fitting(self, decision: Decision) -> Decision:
        """As much of a decision as one request takes; what is left is decided anew."""
        size = 0
        for count, change in enumerate(decision.changes):
            size += _sent_bytes(change)
            if count and size > _CHANGES_BYTES:
                return replace(decision, changes=decision.changes[:count], work_remains=True)
        return decision

    def apply(self, state: QueueState, decision: Decision) -> frozenset[str]:
        """Apply all of a decision or nothing; the runs that changed. One job.

        TransactionAborted when another dispatcher, or a writer of the same tables, was faster: read again.
        """
        values = {
            "epoch": state.epoch,
            "now": state.now,
            "oldest_added_at": min(change.before.added_at for change in decision.changes),
            "changes": json.dumps([_change_row(change) for change in decision.changes], default=_iso),
            "tenants": json.dumps([vars(tenant) for tenant in state.tenants], default=_iso),
        }
        try:
            job = self.warehouse.change(statement("dispatch_apply", "apply_decision"), values)
        except AssertionFailed as error:
            raise TransactionAborted from error
        return frozenset(row["run_id"] for row in self.warehouse.rows_of(job))


def _change_row(change: Change) -> dict[str, Any]:
    before, after = change.before, change.after
    row: dict[str, Any] = {
        "run_id": before.run_id,
        "action": change.action,
        "from_state": before.state,
        "from_lease_id": before.lease_id,
        "from_attempt": before.attempt,
        "error_class": change.error_class,
        "error_message": (change.error_message or "")[:MESSAGE_LENGTH] or None,
    }
    if after is None:
        return row
    return row | {
        "state": after.state,
        "priority": after.priority,
        "available_at": after.available_at,
        "attempt": after.attempt,
        "hop": after.hop,
        "quota_date": after.quota_date,
        "lease_id": after.lease_id,
        "lease_expires_at": after.lease_expires_at,
        "processing_started_at": after.processing_started_at,
        "wait_reason": after.wait_reason,
    }


def _sent_bytes(change: Change) -> int:
    """How much of a request a change takes: the error messages in it, for one, are what a tenant's export says."""
    return len(json.dumps(json.dumps(_change_row(change), default=_iso)))


def _iso(value: date | datetime) -> str:
    return value.isoformat()
