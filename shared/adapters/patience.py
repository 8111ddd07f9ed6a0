"""How long a call to BigQuery is made again while it fails for a passing reason.

The client's own 10 minutes are longer than most functions may run: such a function is cut off, and its caller gets a
504 that says nothing instead of a 503 that says when to come back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from google.cloud.bigquery.retry import DEFAULT_JOB_RETRY, DEFAULT_RETRY

_CANCEL_SECONDS = 10.0
_SHARE = 3  # of the function's time: enough is left for what was done before, and to answer
_LONGEST_SECONDS = 600.0


@dataclass(frozen=True)
class Patience:
    """For so many seconds a call is made again; a job that failed for a passing reason likewise."""

    seconds: float = _LONGEST_SECONDS

    @staticmethod
    def of_function(timeout_seconds: float) -> Patience:
        """The patience of a function that may run so long."""
        return Patience(min(timeout_seconds / _SHARE, _LONGEST_SECONDS))

    @property
    def calls(self) -> Any:
        """For `retry` of the client's methods."""
        return DEFAULT_RETRY.with_timeout(self.seconds)

    @property
    def jobs(self) -> Any:
        """For `job_retry`, where nothing is lost by running the job again."""
        return DEFAULT_JOB_RETRY.with_timeout(self.seconds)


CANCELLING = Patience(_CANCEL_SECONDS)
