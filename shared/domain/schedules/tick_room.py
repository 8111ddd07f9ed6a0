"""Computes how many runs each schedule may queue in one trigger, from its tenant's limits."""

from __future__ import annotations

from dataclasses import dataclass, field

from shared.domain.dispatching.queue_state import DAILY_LIMIT, PLATFORM_BUSY
from shared.domain.runs.limits import waiting_limit

# The most bytes that the runs of one schedule take in a request to BigQuery, which may have ten million in all.
_MAX_BYTES = 1_000_000


@dataclass
class Room:
    """The rest of a tenant's limits in this trigger: runs of today, and places in the queue."""

    today: int
    waiting: int
    was_full: bool = field(init=False)

    def __post_init__(self) -> None:
        self.was_full = self.today <= 0

    @classmethod
    def of_tenant(cls, *, daily_limit: int, taken_today: int, waiting_runs: int) -> Room:
        """The room before the tenant's first schedule is planned."""
        return cls(today=daily_limit - taken_today, waiting=waiting_limit(daily_limit) - waiting_runs)

    def of_schedule(self, *, bytes_per_run: int) -> tuple[int, str]:
        """The most runs that the next schedule may queue, and the limit that causes that.

        If the day's limit was not used up before, each schedule may queue one run, which may wait for the next day. It
        may queue more only within the day's limit.
        """
        if self.was_full:
            return 0, DAILY_LIMIT
        if self.waiting <= 0:
            return 0, "WAITING_LIMIT"
        limits = [
            (max(1, self.today), DAILY_LIMIT),
            (self.waiting, "WAITING_LIMIT"),
            (max(1, _MAX_BYTES // bytes_per_run), PLATFORM_BUSY),
        ]
        return min(limits, key=lambda limit: limit[0])

    def take(self, runs: int) -> None:
        """Count the runs that a schedule queues."""
        self.today -= runs
        self.waiting -= runs
