"""Cleans up after executors and dispatchers that died: lost leases, open rows, staging tables, forgotten alerts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from shared.adapters.google.tasks import Tasks
from shared.adapters.stores.orphans import Orphans
from shared.adapters.stores.scheduler_jobs import SchedulerJobs
from shared.domain.dispatching.dispatch import DEFAULT_MAX_RUNS
from shared.runtime import log
from shared.use_cases.forgotten_alerts import ForgottenAlerts
from shared.use_cases.process_queue import Dispatcher

JOB = "cleanup_orphaned_pipelines"
_LOOK_BACK_HOURS = 3  # so three hourly clean-ups see each run that is not closed


@dataclass(frozen=True)
class OrphanCleanup:
    """The hourly clean-up. Only the dispatcher changes the queue, so the clean-up calls it to rescue runs."""

    dispatcher: Dispatcher
    orphans: Orphans
    tasks: Tasks
    jobs: SchedulerJobs
    forgotten_alerts: ForgottenAlerts
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def clean_up(self) -> dict[str, Any]:
        """Clean up, and return the answer as docs/openapi.json describes it."""
        executed_at = self.clock()
        with self.jobs.recording(JOB) as counts:
            rescues = self.dispatcher.dispatch(max_runs=DEFAULT_MAX_RUNS).rescues
            unclosed = self.orphans.find_unclosed(hours=_LOOK_BACK_HOURS)
            if not_taken := self.tasks.close_runs(unclosed):
                log.error("closings not delivered", count=not_taken)
            counts.update(
                orphans_found=rescues.requeued + rescues.failed,
                requeued=rescues.requeued,
                failed=rescues.failed,
                runs_closed=len(unclosed),
                staging_tables_removed=self.orphans.remove_expired_staging(executed_at),
                alerts_resumed=self.forgotten_alerts.resume(executed_at),
            )
        return {"status": "success", **counts, "executed_at": executed_at}
