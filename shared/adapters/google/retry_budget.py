"""Limits how long a call to Google is repeated while it fails for a passing reason.

The clients' own 10 minutes are longer than most functions may run: such a function is cut off, and its caller gets a
504 without a body instead of a 503 with `Retry-After`. The clients do not notice either that a run was cancelled.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from google.api_core import retry as google_retry
from google.cloud.bigquery.retry import DEFAULT_JOB_RETRY

from shared.adapters.bigquery.job_errors import UnknownColumn, says_missing
from shared.adapters.google.error_table import is_worth_repeating
from shared.runtime.request_time import check_stop, seconds_left

_CANCEL_SECONDS = 10.0
_SHARE = 3  # of the function's time; the rest is for earlier work and for the answer
_LONGEST_SECONDS = 600.0
_SECONDS_TO_ANSWER = 5.0
_LEAST_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 10.0


@dataclass(frozen=True)
class RetryBudget:
    """The time for which a failing call is repeated: `seconds`, and never beyond the request's own time.

    About `first_pause_seconds` pass before the first repetition; each later pause is twice as long.
    `stops_with_work`: the repetition ends when the request's work has to stop.
    """

    seconds: float = _LONGEST_SECONDS
    first_pause_seconds: float = 1.0
    stops_with_work: bool = True

    @staticmethod
    def of_function(timeout_seconds: float) -> RetryBudget:
        """The budget of a function that may run so long."""
        return RetryBudget(min(timeout_seconds / _SHARE, _LONGEST_SECONDS))

    @property
    def calls(self) -> Any:
        """For `retry` of BigQuery's client."""
        return self._retry(is_worth_repeating, self.seconds)

    def of_service(self, service: str) -> Any:
        """For `retry` of a client of one of error_table.SERVICES."""
        return self._retry(lambda error: is_worth_repeating(error, service=service), self.seconds)

    @property
    def jobs(self) -> Any:
        """For `job_retry`, where nothing is lost by running the job again."""
        return DEFAULT_JOB_RETRY.with_timeout(self.within_request(self.seconds))

    def of_known(self, kind: str) -> Any:
        """For `retry` of questions after a "Job" or "Dataset" that exists, for as long as the request allows.

        BigQuery denies some for a while: "Sometimes we get a 404 after a Conflict", says its client of jobs
        (https://github.com/googleapis/python-bigquery/issues/2134).
        """
        seconds = self.seconds if seconds_left() is None else _LONGEST_SECONDS
        return self._retry(lambda error: says_missing(error, kind) or is_worth_repeating(error), seconds)

    @property
    def known_jobs(self) -> Any:
        """For `retry` of questions after a job that BigQuery took, or refused as one that it has."""
        return self.of_known("Job")

    @property
    def new_columns(self) -> Any:
        """For streaming rows: BigQuery may deny a new column for some minutes.

        https://github.com/googleapis/google-cloud-ruby/issues/3805
        """
        return self._retry(lambda error: isinstance(error, UnknownColumn), self.seconds)

    def within_request(self, seconds: float) -> float:
        """These seconds, or the rest of the request's time when that is shorter."""
        left = seconds_left()
        return seconds if left is None else max(_LEAST_SECONDS, min(seconds, left - _SECONDS_TO_ANSWER))

    def _retry(self, predicate: Callable[[Exception], bool], seconds: float) -> Any:
        return google_retry.Retry(
            predicate,
            initial=self.first_pause_seconds,
            maximum=_LONGEST_PAUSE_SECONDS,
            timeout=self.within_request(seconds),
            on_error=(lambda _: check_stop()) if self.stops_with_work else None,
        )


CANCELLING = RetryBudget(_CANCEL_SECONDS, stops_with_work=False)
