"""Decides whether and when a failed run is retried."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta

MAX_RETRIES = 10  # how often a failed run is retried, at most
MAX_STEP_TRIES = 5  # how often one attempt of a run may try a step
MAX_JOBS = (MAX_RETRIES + 1) * MAX_STEP_TRIES  # jobs that all tries of one step of a run may start


@dataclass(frozen=True)
class RetryPolicy:
    """Exponential backoff with full jitter, so that runs that failed together do not retry together."""

    base: timedelta = timedelta(seconds=30)
    max_pause: timedelta = timedelta(minutes=30)

    def backoff(self, attempt: int, rng: random.Random) -> timedelta:
        """The pause after `attempt` (1 is the first) failed: random, up to min(2^attempt x base, max_pause)."""
        doublings = min(attempt, 32)  # with more doublings timedelta would overflow
        return min(self.base * (1 << doublings), self.max_pause) * rng.random()


def may_retry(*, attempt: int, max_retries: int, retryable: bool | None) -> bool:
    """Whether the run gets another attempt. An error of unknown kind (None) counts as temporary."""
    retries_so_far = attempt - 1
    return retryable is not False and retries_so_far < max_retries
