"""Delays statements by latencies that were recorded on real BigQuery."""

from __future__ import annotations

import hashlib
import threading
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable

from devcloud.bigquery.jobs.job import Job, Outcome
from devcloud.bigquery.sql.session import Session

Handler = Callable[[Job, Session], Outcome]

# The share of 941 small jobs that took at most this number of seconds. No latency is outside the recorded ones.
RECORDED = ((0.05, 0.432), (0.5, 0.665), (0.9, 1.262), (0.99, 4.024))


class Latencies:
    """Draws from the recorded distribution.

    With the same seed the n-th run of a statement has the same latency, even if other statements run at the same time.
    """

    def __init__(self, seed: int = 1) -> None:
        self._seed, self._lock = seed, threading.Lock()
        self._drawn: Counter[str] = Counter()

    def draw(self, text: str) -> float:
        """Seconds for the next run of a statement with this text."""
        with self._lock:
            self._drawn[text] += 1
            number = self._drawn[text]
        digest = hashlib.sha256(f"{self._seed}\n{number}\n{text}".encode()).digest()
        return quantile(int.from_bytes(digest[:8], "big") / 2**64)


def quantile(share: float) -> float:
    """The latency that this share of the recorded jobs did not exceed, by linear interpolation between records."""
    shares, seconds = zip(*RECORDED, strict=True)
    at = bisect_right(shares, share)
    if at in (0, len(RECORDED)):
        return float(seconds[min(at, len(RECORDED) - 1)])
    way = (share - shares[at - 1]) / (shares[at] - shares[at - 1])
    return float(seconds[at - 1] + way * (seconds[at] - seconds[at - 1]))


class Delays:
    """Delays jobs by the latencies of real BigQuery; without `latencies` it does not delay them."""

    def __init__(self, latencies: Latencies | None) -> None:
        self._latencies = latencies

    def wait(self, job: Job, text: str) -> None:
        """Wait for the latency of one statement; raises if the job is cancelled meanwhile."""
        if self._latencies and job.cancelled.wait(self._latencies.draw(text)):
            raise job.stopped()

    def before(self, handler: Handler) -> Handler:
        """The handler of a load or copy job, delayed by the latency of one statement."""

        def handle(job: Job, session: Session) -> Outcome:
            self.wait(job, job.kind)
            return handler(job, session)

        return handle
