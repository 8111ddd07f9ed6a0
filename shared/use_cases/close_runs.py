"""Closes the rows of runs that ended in the queue: cancelled, refused, or without an attempt left."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from shared.adapters.bigquery.job_errors import Missing
from shared.adapters.stores.closings import Closings
from shared.adapters.stores.events import RunEvents
from shared.domain.runs.delivery import CloseTask, EndedRun
from shared.domain.runs.events import RunEvent
from shared.runtime import log


@dataclass(frozen=True)
class RunClosing:
    """Carries out one task. A second delivery of it changes nothing."""

    closings: Closings
    events: RunEvents

    def close(self, task: CloseTask) -> str:
        """Handle the delivery and return its outcome as one word; raise only if it should be delivered again."""
        log.bind(tenant_id=task.tenant_id)
        try:
            otherwise = self.closings.close(task)
        except Missing as error:
            if not error.is_in(task.tenant_id):
                raise
            # Without a dataset there are no rows to close.
            log.warning("runs not closed: the tenant has no dataset", cause=error.raw, runs=len(task.runs))
            return "GONE"
        if otherwise:
            found = [f"{row['run_id']} {row['status']}" for row in otherwise[:20]]
            log.error("runs were settled before it was known how they ended", count=len(otherwise), found=found)
        self.events.append([_closed(task.tenant_id, run) for run in task.runs])
        return "CLOSED"


def _closed(tenant_id: str, run: EndedRun) -> RunEvent:
    """The event CLOSED, by which the hourly clean-up knows that the run's row is closed."""
    return RunEvent(run.run_id, tenant_id, "CLOSED", datetime.now(UTC), event_id=f"closed-{run.run_id}")
