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
_SHARE = 3  # retries take a third of the function's time; the rest is for earlier work and the answer
_LONGEST_SECONDS = 600.0
_SECONDS_TO_ANSWER = 5.0
_LEAST_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 10.0


@dataclass(frozen=True)
class RetryBudget:
    """The time for which a failing call is repeated: `seconds`, but never longer than the request's own time.

    About `first_pause_seconds` pass before the first repetition; each later pause is twice as long.
    `stops_with_work`: the repetition ends when the request's work has to stop.
    """

    seconds: float = _LONGEST_SECONDS
    first_pause_seconds: float = 1.0
    stops_with_work: bool = True

    @staticmethod
    def of_function(timeout_seconds: float) -> RetryBudget:
        """The budget of a function with this timeout."""
        return RetryBudget(min(timeout_seconds / _SHARE, _LONGEST_SECONDS))

    @property
    def calls(self) -> Any:
        """Repeats the calls of BigQuery's client. This and the properties below are arguments `retry`."""
        return self._retry(is_worth_repeating, self.seconds)

    def of_service(self, service: str) -> Any:
        """Repeats the calls of another client; `service` is one of error_table.SERVICES."""
        return self._retry(lambda error: is_worth_repeating(error, service=service), self.seconds)

    @property
    def jobs(self) -> Any:
        """Runs a job again that may safely run twice: the argument `job_retry`."""
        return DEFAULT_JOB_RETRY.with_timeout(self.within_request(self.seconds))

    def of_known(self, kind: str) -> Any:
        """Repeats the lookup of a "Job" or "Dataset" that is known to exist, for as long as the request allows.

        BigQuery may answer for a while that it does not exist: "Sometimes we get a 404 after a Conflict", says its own
        client (https://github.com/googleapis/python-bigquery/issues/2134).
        """
        seconds = self.seconds if seconds_left() is None else _LONGEST_SECONDS
        return self._retry(lambda error: says_missing(error, kind) or is_worth_repeating(error), seconds)

    @property
    def known_jobs(self) -> Any:
        """Repeats the lookup of a job whose id BigQuery knows: it accepted the job, or refused another with that id."""
        return self.of_known("Job")

    @property
    def new_columns(self) -> Any:
        """Repeats the streaming of rows, because BigQuery may not know a new column for some minutes.

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
