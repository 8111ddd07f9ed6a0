"""Defines the errors of the product in one hierarchy. http/problems.py maps each class to its HTTP status.

The docstring of a class is its message unless the raise gives another one. `facts` become fields of the answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

MESSAGE_LENGTH = 1000  # of the message of a run's error
_MAX_FIELDS, _MAX_CHARACTERS = 50, 200  # of an answer about wrong fields, whose names the caller chose


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
        """The error of one field. `message` is a sentence without its subject, the field: "must be a date"."""
        return cls.of_fields([{"field": field, "message": message}])

    @classmethod
    def of_fields(cls, found: Sequence[Mapping[str, str]]) -> InvalidInput:
        """The error of these fields, each with `field` and `message`. Of very many fields it names some."""
        shown = [{**item, "field": _cut(item["field"])} for item in found[:_MAX_FIELDS]]
        texts = [f"{item['field']}: {item['message']}" for item in shown]
        if len(found) > len(shown):
            texts.append(f"{len(found) - len(shown)} more fields are wrong")
        return cls("; ".join(texts) + ".", errors=shown)


def _cut(name: str) -> str:
    return name if len(name) <= _MAX_CHARACTERS else name[: _MAX_CHARACTERS - 1] + "…"


class LocationMismatch(InvalidInput):
    """The billing export is in another location than the platform."""


class Unauthenticated(ConvergenceError):
    """The call has no valid API key in X-API-Key, or on a private route no valid token."""


class Forbidden(ConvergenceError):
    """The caller may not do this."""


class NotFound(ConvergenceError):
    """There is no such resource."""


class MethodNotAllowed(ConvergenceError):
    """This method is not allowed on this path; `allow` lists those that are."""


class PayloadTooLarge(ConvergenceError):
    """The request body is too large; `limit_bytes` is the limit."""


class UnsupportedMediaType(ConvergenceError):
    """The request body must be application/json."""


class Conflict(ConvergenceError):
    """The request does not fit the present state."""


class IdempotencyMismatch(ConvergenceError):
    """This Idempotency-Key was used with another request body; use a new key."""


class LimitReached(ConvergenceError):
    """The caller has reached a limit; `cap` names it.

    Usage (domain/runs/limits.py), Callers (runtime/callers.py) and ConcurrencyLimit (runtime/concurrency_limit.py)
    raise it.
    """

    cap = ""


class QuotaExceeded(LimitReached):
    """The daily limit of pipeline runs is used up; it starts again at the next UTC midnight."""

    cap = "daily_limit"


class TooManyRequests(LimitReached):
    """There were too many requests in a short time; wait, then try again."""

    def __init__(self, message: str | None = None, *, cap: str = "requests", **facts: Any) -> None:
        super().__init__(message, **facts)
        self.cap = cap


class TooManyWaiting(LimitReached):
    """The tenant has as many waiting runs as are allowed; wait until some have ended."""

    cap = "waiting_runs"


class NotSignedIn(ConvergenceError):
    """There are no valid Google credentials; sign in with gcloud."""


class Unavailable(ConvergenceError):
    """A service that the request needs did not answer. Nothing is lost or half done; try again."""


class Throttled(Unavailable):
    """A quota at Google is used up; try again later. Nothing is wrong with the request."""


class SourceThrottled(Unavailable):
    """A quota of the tenant's own Google project is used up; try again later."""


class ReadBroken(Unavailable):
    """A download broke off; it can be continued where it ended."""


class SourceRewritten(Unavailable):
    """The export was rewritten while it was read; a later try finds it complete."""


class TransactionAborted(Unavailable):
    """A concurrent change of the same table came first; read again and retry."""


class AccessDenied(Unavailable):
    """The platform lacks a permission. A new grant takes some minutes to have effect; try again."""

    def __init__(self, message: str | None = None, *, raw: str = "", retry_after: int = 30) -> None:
        super().__init__(message, retry_after=retry_after)
        self.raw = raw or self.message


class JobFailed(ConvergenceError):
    """A BigQuery job ended with an error; no other try can succeed if it `is_final`."""

    def __init__(self, message: str | None = None, *, raw: str = "", is_final: bool = False) -> None:
        super().__init__(message)
        self.raw = raw or self.message  # BigQuery's own text; it names the platform's tables, so only logs show it
        self.is_final = is_final


class ConfigError(ConvergenceError):
    """A file under configs/ is not valid."""


class BrokenTemplate(ConfigError):
    """A pipeline's template is not valid."""


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error and its causes. Each comes once, even if the causes form a circle."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__


def bigquery_text_of(error: BaseException) -> str | None:
    """BigQuery's own text behind an error, for the log; None when there is none."""
    return next((cause.raw for cause in causes(error) if isinstance(cause, JobFailed | AccessDenied)), None)


class RunError(ConvergenceError):
    """A run ended with an error; log and API show `error_class`, and `retryable` says whether to try again.

    Events and rows get its message, which may quote a tenant's data. So it is never longer than MESSAGE_LENGTH.
    """

    error_class = "INTERNAL"
    retryable = True

    def __init__(self, message: str | None = None, **facts: Any) -> None:
        super().__init__(message and message[:MESSAGE_LENGTH], **facts)


class CredentialsRejected(RunError):
    """The provider or Cloud KMS refused the tenant's credentials; store them again."""

    error_class, retryable = "CREDENTIALS_REJECTED", False


class CredentialsLocked(CredentialsRejected):
    """The version of the Cloud KMS key that encrypted the credential is not enabled; ask the operator to enable it."""

    retryable = True


class SourceNotFound(RunError):
    """The billing export does not exist, or the credentials may not read it."""

    error_class, retryable = "SOURCE_NOT_FOUND", False


class SourceChanged(RunError):
    """The credential names another billing export than when the run was accepted; start the run again."""

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
    """A newer attempt took over, so this one may not publish."""

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
    """A service that the run needs did not answer."""

    error_class = "UNAVAILABLE"


class DependencyThrottled(DependencyUnavailable):
    """A quota at Google is used up; the run continues in the same attempt when the quota is available again."""


class ExecutorStuck(RunError):
    """The executor exceeded its time and was ended."""

    error_class = "EXECUTOR_STUCK"


class RunCancelled(RunError):
    """The run was cancelled."""

    error_class, retryable = "CANCELLED", False
