"""Computes a decision's changes of tenants' usage: runs that started and ended on a day, and today's live runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from shared.domain.dispatching.changes import Change
from shared.domain.dispatching.queue_state import PROCESSING, QueueState

_CHANGES_LIVE_RUNS = ("ADMIT", "RETRY", "PAUSE")


@dataclass(frozen=True)
class UsageChange:
    """The change of one tenant's usage on one day.

    `live`, the limits and `has_admitted` are set only for today; the limits only if they are known.
    """

    tenant_id: str
    usage_date: date
    started: int = 0
    succeeded: int = 0
    failed: int = 0
    live: int | None = None
    daily_limit: int | None = None
    concurrent_limit: int | None = None
    has_admitted: bool = False


def usage_changes(state: QueueState, changes: Iterable[Change]) -> list[UsageChange]:
    """The usage changes, sorted: one for each tenant and day on which a run is counted or live runs change."""
    made, today = list(changes), state.now.date()
    counts: Counter[tuple[str, date, str]] = Counter()
    for change in made:
        for day, column in _counted(change):
            counts[change.before.tenant_id, day, column] += 1
    touched = {
        change.before.tenant_id for change in made if change.after is None or change.action in _CHANGES_LIVE_RUNS
    }
    days = {(tenant_id, day) for tenant_id, day, _ in counts} | {(tenant_id, today) for tenant_id in touched}
    today_rows = _TodaysRows(state, made)
    return [
        UsageChange(
            tenant_id,
            day,
            started=counts[tenant_id, day, "started"],
            succeeded=counts[tenant_id, day, "succeeded"],
            failed=counts[tenant_id, day, "failed"],
            **(today_rows.fields_of(tenant_id) if day == today else {}),
        )
        for tenant_id, day in sorted(days)
    ]


def _counted(change: Change) -> Iterable[tuple[date, str]]:
    """The day on which a change is counted, and the columns that it adds to."""
    before, after = change.before, change.after
    if change.action == "ADMIT" and before.quota_date is None and after and after.quota_date:
        yield after.quota_date, "started"
    if before.quota_date and change.action == "COMPLETE":
        yield before.quota_date, "succeeded"
    if before.quota_date and change.action == "FAIL":
        yield before.quota_date, "failed"


class _TodaysRows:
    """Computes the values that each tenant's row of today has after the changes."""

    def __init__(self, state: QueueState, changes: Sequence[Change]) -> None:
        items = {item.run_id: item for item in state.items}
        self._admitted = {change.before.tenant_id for change in changes if change.action == "ADMIT"}
        for change in changes:
            items.pop(change.before.run_id, None)
            if change.after is not None:
                items[change.before.run_id] = change.after
        self._live = Counter(item.tenant_id for item in items.values() if item.state == PROCESSING)
        self._limits = {tenant.tenant_id: tenant for tenant in state.tenants}

    def fields_of(self, tenant_id: str) -> dict[str, Any]:
        """The fields of a UsageChange that are set only for today: live runs, limits, whether a run was admitted."""
        found = self._limits.get(tenant_id)
        limits = {"daily_limit": found.daily_limit, "concurrent_limit": found.concurrent_limit} if found else {}
        return {"live": self._live[tenant_id], "has_admitted": tenant_id in self._admitted, **limits}
