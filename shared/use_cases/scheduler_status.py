"""Shows the scheduler's status and overdue work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared.adapters.stores.scheduler_jobs import SchedulerJobs
from shared.configuration.platform_config import FunctionSchedule, Platform

_NEAR_PERCENT = 80
_QUEUE_STUCK = timedelta(minutes=15)  # process-queue is called three times in it


@dataclass(frozen=True)
class SchedulerStatus:
    """The operator's view. One job."""

    jobs: SchedulerJobs
    platform: Platform

    def show(self) -> dict[str, Any]:
        """The status, as docs/openapi.json describes it."""
        found = self.jobs.read_status(near_percent=_NEAR_PERCENT)
        now, waiting = found["now"], _by_name(found["waiting"])
        oldest = found["oldest_added_at"]
        ran = {job["job"]: job for job in found["jobs"]}
        return {
            "queue": {"QUEUED": sum(waiting.values()), "PROCESSING": found["live_leases"]},
            "waiting": waiting,
            "oldest_waiting_seconds": int((now - oldest).total_seconds()) if oldest else None,
            "live_leases": found["live_leases"],
            "runs_last_24h": _by_name(found["outcomes"]),
            "tenants_near_limit": found["near_limit"],
            "jobs": {name: _times(ran.get(name)) for name in self._schedules()},
            "overdue": [*self._overdue_jobs(ran, now), *self._overdue_work(found, now)],
            "as_of": now,
        }

    def _schedules(self) -> dict[str, FunctionSchedule]:
        functions = self.platform.functions
        return {name: function.schedule for name, function in functions.items() if function.schedule}

    def _overdue_jobs(self, ran: Mapping[str, Mapping[str, Any]], now: datetime) -> list[dict[str, Any]]:
        """Jobs whose last success is too long ago. On a new platform the time since its creation counts instead."""
        found = []
        begun_at = self.jobs.begun_at()
        for name, schedule in self._schedules().items():
            since = _times(ran.get(name))["last_success_at"] or begun_at
            if now - since > timedelta(seconds=schedule.overdue_after_seconds):
                found.append({"what": name, "since": since})
        return found

    def _overdue_work(self, found: Mapping[str, Any], now: datetime) -> list[dict[str, Any]]:
        """Runs that should have started and ticks that should have been picked up."""
        overdue = []
        startable, tick = found["oldest_startable_at"], found["earliest_tick"]
        if startable and now - startable > _QUEUE_STUCK:
            overdue.append({"what": "queue", "since": startable})
        may_wait = timedelta(seconds=self._schedules()["trigger_due_pipelines"].overdue_after_seconds)
        if tick and now - tick > may_wait:
            overdue.append({"what": "ticks", "since": tick})
        return overdue


def _by_name(counted: list[Mapping[str, Any]]) -> dict[str, int]:
    return {row["name"]: row["items"] for row in counted}


def _times(job: Mapping[str, Any] | None) -> dict[str, datetime | None]:
    names = ("last_started_at", "last_success_at")
    return {name: job[name] if job else None for name in names}
