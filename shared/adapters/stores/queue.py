"""The store of the queue. One statement reads all that the dispatcher needs; one transaction applies its decision."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from shared.adapters.bigquery.job_errors import AssertionFailed
from shared.adapters.bigquery.sql import Statement, joined, statement
from shared.adapters.bigquery.warehouse import Row, Warehouse
from shared.domain.dispatching.changes import Change, Decision
from shared.domain.dispatching.dispatch import MAX_CHANGES
from shared.domain.dispatching.next_starts import AGEING_STEP
from shared.domain.dispatching.queue_state import PROCESSING, QueueItem, QueueState, RunSign, TenantLimits
from shared.domain.dispatching.usage_changes import usage_changes
from shared.errors import MESSAGE_LENGTH, JobFailed, TransactionAborted
from shared.runtime import log

_FRONT_PER_TENANT = 500  # waiting runs that one read returns, counted and uncounted runs separately
_CHANGES_BYTES = 7_000_000  # BigQuery's limit for a request is ten million bytes


@dataclass(frozen=True)
class DispatchQueue:
    """Reads and changes pipeline_execution_queue and the tables that a decision changes with it.

    `most_unexamined`: how many runs without a wait reason one read returns. Each of them needs a change.
    """

    warehouse: Warehouse
    most_unexamined: int = MAX_CHANGES

    def read(self) -> QueueState:
        """The present state. One job."""
        values = {
            "front": _FRONT_PER_TENANT,
            "unexamined": self.most_unexamined,
            "ageing_seconds": int(AGEING_STEP.total_seconds()),
        }
        (row,) = self.warehouse.read(statement("dispatch_read", "read_queue"), values)
        if row["epoch"] is None:  # without it two dispatchers could apply their decisions at once
            raise JobFailed("dispatcher_state has no row")
        return QueueState(
            epoch=row["epoch"],
            now=row["now"],
            items=tuple(QueueItem(**item) for item in _without_duplicates(row["items"])),
            signs=tuple(RunSign(**sign) for sign in row["signs"]),
            tenants=tuple(TenantLimits(**tenant) for tenant in row["tenants"]),
            queued_count=row["queued_count"],
            next_available_at=row["next_available_at"],
        )

    def fit_request(self, decision: Decision) -> Decision:
        """The part of a decision that fits into one request. The next call decides the rest again."""
        size = 0
        for count, change in enumerate(decision.changes):
            size += _sent_bytes(change)
            if count and size > _CHANGES_BYTES:
                return replace(decision, changes=decision.changes[:count], work_remains=True)
        return decision

    def apply(self, state: QueueState, decision: Decision) -> None:
        """Apply all of a decision, or nothing of it. One job.

        It raises TransactionAborted if another dispatcher, or another writer of the same tables, committed first.
        """
        usage = usage_changes(state, decision.changes)
        values = {
            "epoch": state.epoch,
            "now": state.now,
            "oldest_added_at": min(change.before.added_at for change in decision.changes),
            "changes": json.dumps([_change_row(change) for change in decision.changes], default=_iso),
            "usage": json.dumps([vars(day) for day in usage], default=_iso),
        }
        script = decision_statement(decision.changes, counts=bool(usage))
        try:
            self.warehouse.change(script, {name: values[name] for name in script.parameters})
        except AssertionFailed as error:
            raise TransactionAborted from error


def decision_statement(changes: Sequence[Change], *, counts: bool) -> Statement:
    """The transaction that applies these changes. It has only the needed statements, because each takes time."""
    scheduled = [change for change in changes if change.before.config_id]
    ended = [change for change in scheduled if change.after is None]
    wanted = {
        "move_epoch": True,
        "change_items": True,
        "change_scheduled_runs": ended or any(change.action in ("ADMIT", "RETRY") for change in scheduled),
        "change_schedules": ended,
        "count_usage": counts,
        "note_events": any(change.action not in ("WAIT", "HOP") for change in changes),
        "commit_decision": True,
    }
    parts = [statement("dispatch_apply", name) for name, is_wanted in wanted.items() if is_wanted]
    return joined("apply_decision", parts, "\n\n")


def _without_duplicates(items: Sequence[Row]) -> list[Row]:
    """Each run once; a row in PROCESSING wins. A decision about a run changes all its rows."""
    found: dict[str, Row] = {}
    for item in items:
        if item["run_id"] not in found or item["state"] == PROCESSING:
            found[item["run_id"]] = item
    if len(found) < len(items):
        log.error("runs are in the queue twice", count=len(items) - len(found))
    return list(found.values())


def _change_row(change: Change) -> dict[str, Any]:
    before, after = change.before, change.after
    row: dict[str, Any] = {
        "run_id": before.run_id,
        "tenant_id": before.tenant_id,
        "config_id": before.config_id,
        "pipeline_logging_id": before.pipeline_logging_id,
        "scheduled_time": before.scheduled_time,
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
    """The number of bytes that a change takes in a request. Error messages that quote an export may be long."""
    return len(json.dumps(json.dumps(_change_row(change), default=_iso)))


def _iso(value: date | datetime) -> str:
    return value.isoformat()
