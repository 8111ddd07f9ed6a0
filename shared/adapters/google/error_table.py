"""Classifies Google's errors by one table of the reasons and codes that its services document.

BigQuery names reasons: https://cloud.google.com/bigquery/docs/error-messages. Storage Read, Cloud KMS, Cloud Tasks and
Secret Manager answer with gRPC's codes: https://cloud.google.com/apis/design/errors. SERVICES holds the codes that
have another meaning in one of these services.
"""

from __future__ import annotations

import concurrent.futures
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import requests
from google.api_core import exceptions as google
from google.auth import exceptions as google_auth

from shared import errors


class Course(Enum):
    """The action after an error. RETRY: try again. WAIT: it passes by itself, later. FAIL: no retry helps."""

    RETRY = "retry"
    WAIT = "wait"
    FAIL = "fail"


@dataclass(frozen=True)
class Meaning:
    """A reason in words that any caller may read, and what to do about it.

    `is_outage`: the service is at fault, and callers shall come back after `pause_seconds`. `at_once`: repeating the
    same call helps, so it is repeated while there is time.
    """

    course: Course
    words: str
    is_outage: bool = False
    at_once: bool = False
    pause_seconds: int = 5


def _again(words: str) -> Meaning:
    return Meaning(Course.RETRY, words, is_outage=True, at_once=True)


def _later(words: str) -> Meaning:
    return Meaning(Course.RETRY, words, is_outage=True)


def _rate(words: str) -> Meaning:
    return Meaning(Course.WAIT, words, is_outage=True, at_once=True)


def _quota(words: str) -> Meaning:
    return Meaning(Course.WAIT, words, is_outage=True, pause_seconds=300)


def _mended(words: str, *, pause_seconds: int = 5) -> Meaning:
    """The meaning of an error whose cause a person can remove, so that a later attempt may succeed."""
    return Meaning(Course.RETRY, words, pause_seconds=pause_seconds)


def _never(words: str) -> Meaning:
    return Meaning(Course.FAIL, words)


BIGQUERY: Mapping[str, Meaning] = {
    "accessDenied": _mended("the platform may not do this", pause_seconds=30),  # new grants hold after minutes
    "attributeError": _never("a statement asks for an attribute that is not there"),
    "backendError": _again("it does not answer just now"),
    "badGateway": _again("it does not answer just now"),
    "badRequest": _never("it is not valid"),
    "billingNotEnabled": _mended("billing is not enabled for a project it uses"),
    "billingTierLimitExceeded": _never("it needs more compute than its billing tier allows"),
    "blocked": _quota("it has refused such operations for a while"),
    "bytesBilledLimitExceeded": _never("it would bill more bytes than are allowed"),
    "duplicate": _never("it exists already"),
    "internalError": _again("it failed inside BigQuery"),
    "invalid": _never("it is not valid"),
    "invalidQuery": _never("a statement is not valid, or a value is not what it expects"),
    "invalidUser": _mended("the platform's account is not valid"),
    "jobBackendError": _later("it failed inside BigQuery"),
    "jobInternalError": _later("it failed inside BigQuery"),
    "jobRateLimitExceeded": _rate("too many jobs were asked for at once"),
    "notFound": _mended("something it needs does not exist"),
    "notImplemented": _never("it is not implemented"),
    "policyViolation": _never("a policy of the organisation forbids it"),
    "proxyAuthenticationRequired": _mended("a proxy is in the way"),
    "quotaExceeded": _quota("a quota of BigQuery is used up"),
    "rateLimitExceeded": _rate("too many jobs were asked for at once"),
    "resourceInUse": _mended("something it would remove is in use"),
    "resourcesExceeded": _never("it needs more resources than BigQuery has for one query"),
    "responseTooLarge": _never("its result is too large"),
    "stopped": _mended("it was stopped"),
    "tableUnavailable": _later("a table is not available just now"),
    "timeout": _never("it took too long"),
}

GRPC: Mapping[str, Meaning] = {
    "ABORTED": _again("it was disturbed by another call"),
    "ALREADY_EXISTS": _never("it exists already"),
    "CANCELLED": _later("the call was cancelled"),
    "DATA_LOSS": _never("data were lost"),
    "DEADLINE_EXCEEDED": _again("it did not answer in time"),
    "FAILED_PRECONDITION": _never("its state does not allow this"),
    "INTERNAL": _later("it failed inside"),
    "INVALID_ARGUMENT": _never("it is not valid"),
    "NOT_FOUND": _never("it does not exist"),
    "OUT_OF_RANGE": _never("it is out of range"),
    "PERMISSION_DENIED": _never("it may not be used"),
    "RESOURCE_EXHAUSTED": _rate("a quota of it is used up"),
    "UNAUTHENTICATED": _never("it does not accept the credentials"),
    "UNAVAILABLE": _again("it does not answer just now"),
    "UNIMPLEMENTED": _never("it is not implemented"),
    "UNKNOWN": _later("it failed without saying why"),
}

STORAGE, KMS, TASKS, SECRETS = "storage", "kms", "tasks", "secrets"
# When the platform's own account lacks a permission, an operator grants it, and the next call succeeds.
_OWN_RIGHTS = {
    "PERMISSION_DENIED": _mended("the platform may not use it"),
    "UNAUTHENTICATED": _mended("it does not accept the platform's account"),
}
SERVICES: Mapping[str, Mapping[str, Meaning]] = {
    STORAGE: {"FAILED_PRECONDITION": _later("the read session has expired")},
    KMS: _OWN_RIGHTS,
    TASKS: {**_OWN_RIGHTS, "NOT_FOUND": _mended("the queue does not exist")},
    SECRETS: _OWN_RIGHTS,
}

UNREACHABLE = _again("it does not answer just now")
UNKNOWN = _mended("it failed")
_REFUSED = _never("Google refuses the credentials")
_NO_ANSWER = (
    ConnectionError,
    TimeoutError,
    concurrent.futures.TimeoutError,
    google_auth.TransportError,
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
)
FAILURES = (google.GoogleAPICallError, google.RetryError, *_NO_ANSWER)  # what Google's clients raise
_BUSY_STATUS, _SERVER_ERRORS = frozenset({408, 429}), 500


def reasons(error: BaseException) -> list[str]:
    """BigQuery's own reasons for an error, e.g. invalidQuery."""
    found: Any = getattr(error, "errors", ())
    return [item.get("reason", "") for item in found if isinstance(item, dict)]


def last_of(error: BaseException) -> BaseException:
    """The error itself, or the last error of a call that was repeated and failed each time."""
    while isinstance(error, google.RetryError) and error.cause is not None:
        error = error.cause
    return error


def meaning_of(error: BaseException, *, service: str = "") -> Meaning:
    """The meaning of an exception of Google's clients. `service` is one of SERVICES; without one it is BigQuery's."""
    error = last_of(error)
    if isinstance(error, requests.exceptions.SSLError):
        return UNKNOWN
    if isinstance(error, _NO_ANSWER):
        return UNREACHABLE
    if isinstance(error, google_auth.RefreshError):
        return UNREACHABLE if error.retryable else _REFUSED
    if known := next((BIGQUERY[reason] for reason in reasons(error) if reason in BIGQUERY), None):
        return known
    if service and (code := getattr(error, "grpc_status_code", None)):
        return SERVICES[service].get(code.name) or GRPC[code.name]
    return of_status(getattr(error, "code", None))


def of_status(status: Any) -> Meaning:
    """The meaning of an answer without a reason, by its HTTP status."""
    if not isinstance(status, int):
        return UNKNOWN
    if status in _BUSY_STATUS:
        return _rate("too much was asked for at once")
    return UNREACHABLE if status >= _SERVER_ERRORS and status != 501 else UNKNOWN


def outage_of(error: BaseException, name: str, *, service: str = "") -> errors.Unavailable | None:
    """The error to raise if the service `name` is at fault or has no quota left; None otherwise."""
    meaning = meaning_of(error, service=service)
    if not meaning.is_outage:
        return None
    kind = errors.Throttled if meaning.course is Course.WAIT else errors.Unavailable
    return kind(f"{name}: {meaning.words}", retry_after=meaning.pause_seconds)


def is_worth_repeating(error: BaseException, *, service: str = "") -> bool:
    """Whether the failed call may succeed when it is repeated at once."""
    return meaning_of(error, service=service).at_once
