"""The errors of the product: one hierarchy; http/problems.py has the one table from class to HTTP status.

The docstring of a class is its message unless the raise says better; `facts` travel into the answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any


class ConvergenceError(Exception):
    """The request could not be carried out."""

    def __init__(self, message: str | None = None, **facts: Any) -> None:
        self.message = message or (type(self).__doc__ or "").strip().splitlines()[0]
        self.facts = facts
        super().__init__(self.message)


class InvalidInput(ConvergenceError):
    """The request is not valid."""

    @classmethod
    def of_field(cls, field: str, message: str) -> InvalidInput:
        """The error of one field; `message` continues the field's name, as in "must be a date"."""
        return cls.of_fields([{"field": field, "message": message}])

    @classmethod
    def of_fields(cls, found: Sequence[Mapping[str, str]]) -> InvalidInput:
        """The error of all these fields, each with `field` and `message`."""
        return cls("; ".join(f"{item['field']}: {item['message']}" for item in found) + ".", errors=list(found))


class LocationMismatch(InvalidInput):
    """The billing export is in another location than the platform."""


class Unauthenticated(ConvergenceError):
    """The call has no valid API key in X-API-Key, or on a private route no valid token."""


class Forbidden(ConvergenceError):
    """The caller may not do this."""


class NotFound(ConvergenceError):
    """There is no such resource."""


class MethodNotAllowed(ConvergenceError):
    """This method is not allowed here."""


class PayloadTooLarge(ConvergenceError):
    """The request body is too large."""


class UnsupportedMediaType(ConvergenceError):
    """The request body must be application/json."""


class Conflict(ConvergenceError):
    """The request does not fit the present state."""


class IdempotencyMismatch(ConvergenceError):
    """This Idempotency-Key was used with another request body."""


class LimitReached(ConvergenceError):
    """The caller has reached a limit; `cap` names it."""

    cap = ""


class QuotaExceeded(LimitReached):
    """The daily limit of pipeline runs is used up."""

    cap = "daily_limit"


class TooManyRequests(LimitReached):
    """Too many requests in a short time."""

    def __init__(self, message: str | None = None, *, cap: str = "requests", **facts: Any) -> None:
        super().__init__(message, **facts)
        self.cap = cap


class TooManyWaiting(LimitReached):
    """The tenant's queue is full: as many runs wait as are allowed."""

    cap = "waiting_runs"


class NotSignedIn(ConvergenceError):
    """There are no valid Google credentials."""


class Unavailable(ConvergenceError):
    """A service this needs did not answer; nothing was lost, nothing is half done."""


class Throttled(Unavailable):
    """A quota of Google is used up; try again later. Nothing is wrong with the request."""


class SourceThrottled(Unavailable):
    """A quota of the tenant's own project is used up."""


class TransactionAborted(Unavailable):
    """A concurrent change of the same table won; read again and retry."""


class AccessDenied(Unavailable):
    """The platform lacks a permission, perhaps for some minutes only: new grants take time to take effect."""

    def __init__(self, message: str | None = None, *, raw: str = "", retry_after: int = 30) -> None:
        super().__init__(message, retry_after=retry_after)
        self.raw = raw or self.message


class JobFailed(ConvergenceError):
    """A BigQuery job ended with an error; when it `is_final`, no other try would end otherwise."""

    def __init__(self, message: str | None = None, *, raw: str = "", is_final: bool = False) -> None:
        super().__init__(message)
        self.raw = raw or self.message  # BigQuery's own text: it names what is the platform's, so only logs have it
        self.is_final = is_final


class ConfigError(ConvergenceError):
    """A file under configs/ is not valid."""


def causes(error: BaseException) -> Iterator[BaseException]:
    """An error and what caused it, each once, also where the causes make a circle."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__


def told_by_bigquery(error: BaseException) -> str | None:
    """BigQuery's own text behind an error, for the log; None when there is none."""
    return next((cause.raw for cause in causes(error) if isinstance(cause, JobFailed | AccessDenied)), None)


class RunError(ConvergenceError):
    """A run ended with an error: `error_class` is what the log and the API show, `retryable` whether to try again."""

    error_class = "INTERNAL"
    retryable = True


class CredentialsRejected(RunError):
    """The provider or Cloud KMS refused the tenant's credentials."""

    error_class, retryable = "CREDENTIALS_REJECTED", False


class SourceNotFound(RunError):
    """The billing export does not exist or may not be read."""

    error_class, retryable = "SOURCE_NOT_FOUND", False


class SourceChanged(RunError):
    """The credential names another billing export than when the run was accepted."""

    error_class, retryable = "SOURCE_CHANGED", False


class SourceLocation(RunError):
    """The billing export is in another location than the platform."""

    error_class, retryable = "LOCATION_MISMATCH", False


class InvalidParameters(RunError):
    """The run's parameters do not fit its template."""

    error_class, retryable = "INVALID_PARAMETERS", False


class InvalidTemplate(RunError):
    """The pipeline template cannot be used."""

    error_class, retryable = "INVALID_TEMPLATE", False


class BytesLimitExceeded(RunError):
    """A step would bill more bytes than it, its run or the platform may."""

    error_class, retryable = "BYTES_LIMIT_EXCEEDED", False


class CheckFailed(RunError):
    """A quality check of severity fail did not pass; nothing was published."""

    error_class, retryable = "CHECK_FAILED", False


class FenceLost(RunError):
    """A newer attempt took over; this one may not publish."""

    error_class, retryable = "FENCE_LOST", False


class StepFailed(RunError):
    """A step did not finish."""

    error_class = "STEP_FAILED"


class StepRefused(StepFailed):
    """A step cannot finish, however often it is tried."""

    retryable = False


class StepTimedOut(StepFailed):
    """A step took longer than its template allows."""

    error_class = "STEP_TIMEOUT"


class DependencyUnavailable(RunError):
    """A service the run needs did not answer."""

    error_class = "UNAVAILABLE"


class DependencyThrottled(DependencyUnavailable):
    """A quota of Google's is used up; the run goes on when it passes, in the same attempt."""


class ExecutorStuck(RunError):
    """The executor was still at work when its time was over, and was ended."""

    error_class = "EXECUTOR_STUCK"


class RunCancelled(RunError):
    """The run was cancelled."""

    error_class, retryable = "CANCELLED", False
