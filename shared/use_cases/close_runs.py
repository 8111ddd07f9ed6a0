"""Closes the rows of runs that ended in the queue: cancelled, refused, or without an attempt left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from shared.adapters.bigquery.job_errors import Missing
from shared.adapters.google.closing_tasks import EndedRun
from shared.adapters.stores.closings import Closings
from shared.adapters.stores.events import RunEvent, RunEvents
from shared.runtime import log


@dataclass(frozen=True)
class RunClosing:
    """Carries one task out, which may be delivered twice: what is closed stays as it is."""

    closings: Closings
    events: RunEvents

    def close(self, tenant_id: str, ended: Sequence[EndedRun]) -> str:
        """What became of the delivery, in one word; raises only when it should be delivered again."""
        try:
            otherwise = self.closings.close(tenant_id, ended)
        except Missing as error:  # nobody is left to see the rows
            log.warning("runs not closed: the tenant has no dataset", cause=error.raw, runs=len(ended))
            return "GONE"
        if otherwise:
            found = [f"{row['run_id']} {row['status']}" for row in otherwise[:20]]
            log.error("runs were settled before it was known how they ended", count=len(otherwise), found=found)
        self.events.append([_closed(run) for run in ended])
        return "CLOSED"


def _closed(run: EndedRun) -> RunEvent:
    """So that the hourly clean-up knows what is done."""
    return RunEvent(run.run_id, run.tenant_id, "CLOSED", datetime.now(UTC), event_id=f"closed-{run.run_id}")
