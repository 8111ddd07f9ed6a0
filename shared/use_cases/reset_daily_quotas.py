"""Resets daily quotas: moves finished days to the history. It may run at any hour, repeatedly, while runs go on.

One transaction adds a day's counters to the history and sets them to zero. A run that ends later is counted in its own
day's row, and the next reset adds that. So each run is counted once.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from shared.adapters.stores.scheduler_jobs import SchedulerJobs
from shared.adapters.stores.usage import UsageQuotas
from shared.use_cases.contention import until_applied

JOB = "reset_daily_quotas"
_KEPT_DAYS = 90


@dataclass(frozen=True)
class QuotaReset:
    """The daily reset."""

    usage: UsageQuotas
    jobs: SchedulerJobs
    rng: random.Random = field(default_factory=random.SystemRandom)

    def reset(self) -> dict[str, Any]:
        """Reset the quotas; the answer is as in docs/openapi.json. Unavailable if dispatchers kept changing them."""
        with self.jobs.recording(JOB) as counts:
            done = until_applied(lambda: self.usage.reset(kept_days=_KEPT_DAYS), rng=self.rng)
            counts.update(records_updated=done.records_updated, records_archived=done.records_archived)
        message = f"Reset {done.records_updated} daily quotas, archived {done.records_archived} old records"
        return {"status": "success", **counts, "message": message, "executed_at": done.executed_at}
