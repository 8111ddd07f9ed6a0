"""Shows a tenant its limits, and how much of them is used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.domain.requests.auth import PresentedKey
from shared.domain.requests.parsing import NoBody, validated
from shared.domain.runs.limits import next_utc_midnight, waiting_limit
from shared.use_cases.accept_runs import RunIntake


@dataclass(frozen=True)
class TenantUsage:
    """Answers requests for the usage, with the figures by which requests for runs are accepted or refused."""

    intake: RunIntake

    def show(self, key: PresentedKey, query: Mapping[str, Any]) -> dict[str, Any]:
        """The tenant's limits and their use now. `query` must be empty. One job, which also proves the key."""
        validated(NoBody, query)
        usage = self.intake.require_standing(key).usage
        return {
            "tenant_id": key.tenant_id,
            "daily_limit": usage.daily_limit,
            "used_today": usage.used_today,
            "remaining_today": max(0, usage.daily_limit - usage.used_today),
            "resets_at": next_utc_midnight(usage.now),
            "concurrent_limit": usage.concurrent_limit,
            "running": usage.running,
            "waiting": usage.waiting,
            "waiting_limit": waiting_limit(usage.daily_limit),
            "schedules": usage.schedules,
            "schedules_due_today": usage.due_today,
        }
