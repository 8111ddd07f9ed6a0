"""The table of Google's errors has every documented reason, and callers and runs follow it."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
import requests
from google.api_core import exceptions
from google.auth import exceptions as google_auth
from google.cloud.bigquery.job import base as _untyped_jobs
from google.cloud.bigquery.retry import _RETRYABLE_REASONS, job_retry_reasons

from shared import errors
from shared.adapters.bigquery.job_errors import Missing, translated
from shared.adapters.google import error_table
from shared.adapters.google.error_table import BIGQUERY, GRPC, SERVICES, Course, meaning_of
from shared.adapters.google.retry_budget import RetryBudget

google: Any = exceptions  # neither they nor the jobs have annotations
jobs: Any = _untyped_jobs
# https://cloud.google.com/bigquery/docs/error-messages, the column "Error message".
DOCUMENTED = [
    "accessDenied", "attributeError", "backendError", "badRequest", "billingNotEnabled", "billingTierLimitExceeded",
    "blocked", "duplicate", "internalError", "invalid", "invalidQuery", "invalidUser", "jobBackendError",
    "jobInternalError", "jobRateLimitExceeded", "notFound", "notImplemented", "proxyAuthenticationRequired",
    "quotaExceeded", "rateLimitExceeded", "resourceInUse", "resourcesExceeded", "responseTooLarge", "stopped",
    "tableUnavailable", "timeout",
]  # fmt: skip


def answered(status: int, reason: str) -> Any:
    return google.from_http_status(status, "BigQuery's words", errors=[{"reason": reason, "message": "its words"}])


def translate(error: Exception) -> errors.ConvergenceError:
    with pytest.raises(errors.ConvergenceError) as caught, translated():
        raise error
    return caught.value


def test_every_reason_that_bigquery_documents_and_its_client_knows_is_in_the_table() -> None:
    known = {*DOCUMENTED, *jobs._ERROR_REASON_TO_EXCEPTION, *_RETRYABLE_REASONS, *job_retry_reasons}
    assert known <= BIGQUERY.keys()


def test_every_code_of_grpc_is_in_the_table_and_services_name_no_other() -> None:
    codes = {code.name for code in grpc.StatusCode} - {"OK"}
    assert GRPC.keys() == codes
    assert all(special.keys() <= codes for special in SERVICES.values())


@pytest.mark.parametrize("reason", sorted(BIGQUERY))
@pytest.mark.parametrize("status", [400, 403])
def test_a_reason_means_the_same_in_an_answer_and_in_a_job_that_failed(reason: str, status: int) -> None:
    meaning = BIGQUERY[reason]
    for error in (
        answered(status, reason),
        jobs._error_result_to_exception({"reason": reason, "message": "its words"}),
    ):
        failure = translate(error)
        assert meaning_of(error) is meaning
        assert isinstance(failure, errors.Unavailable) == (meaning.is_outage or reason == "accessDenied")
        assert isinstance(failure, errors.Throttled) == (meaning.course is Course.WAIT)
        if isinstance(failure, errors.JobFailed):
            assert failure.is_final == (meaning.course is Course.FAIL)
            assert reason in failure.message or isinstance(failure, Missing)


@pytest.mark.parametrize(
    ("reason", "course", "at_once", "retry_after"),
    [
        ("quotaExceeded", Course.WAIT, False, 300),
        ("rateLimitExceeded", Course.WAIT, True, 5),
        ("jobRateLimitExceeded", Course.WAIT, True, 5),
        ("backendError", Course.RETRY, True, 5),
        ("accessDenied", Course.RETRY, False, 30),  # grants of the set-up take effect after a while
        ("invalidQuery", Course.FAIL, False, None),
        ("resourcesExceeded", Course.FAIL, False, None),
    ],
)
def test_each_error_is_repeated_at_once_or_later_or_ends_the_run(
    reason: str, course: Course, at_once: bool, retry_after: int | None
) -> None:
    failure = translate(answered(403, reason))
    assert (BIGQUERY[reason].course, BIGQUERY[reason].at_once) == (course, at_once)
    assert failure.facts.get("retry_after") == retry_after


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (requests.ConnectionError("reset"), errors.Unavailable),
        (requests.Timeout("slow"), errors.Unavailable),
        (TimeoutError("a job took longer than the request has"), errors.Unavailable),
        (google_auth.TransportError("no token server"), errors.Unavailable),
        (google.RetryError("too long", google.ServiceUnavailable("down")), errors.Unavailable),
        (google.RetryError("too long", google.NotFound("Not found: Job p:US.j")), errors.Unavailable),
        (google.RetryError("too long", answered(403, "rateLimitExceeded")), errors.Throttled),
        (google.TooManyRequests("slow down"), errors.Throttled),
        (google.BadGateway("a proxy's page"), errors.Unavailable),
        (google.MethodNotImplemented("not here"), errors.JobFailed),
        (google.BadRequest("no reason given"), errors.JobFailed),
        (google.BadRequest("Could not serialize access to table"), errors.TransactionAborted),
        (answered(400, "resourcesExceeded"), errors.JobFailed),
        (google.BadRequest("Too many DML statements outstanding against table t"), errors.TransactionAborted),
    ],
)
def test_an_answer_without_a_reason_is_classified_by_its_status(error: Exception, expected: type[Exception]) -> None:
    assert type(translate(error)) is expected


@pytest.mark.parametrize("service", SERVICES)
def test_errors_of_grpc_services_are_classified_by_their_codes(service: str) -> None:
    assert meaning_of(google.ServiceUnavailable("down"), service=service).at_once
    assert meaning_of(google.ResourceExhausted("quota"), service=service).course is Course.WAIT
    assert meaning_of(google.InvalidArgument("no"), service=service).course is Course.FAIL
    denied = meaning_of(google.PermissionDenied("no"), service=service).course
    assert denied is (Course.FAIL if service == error_table.STORAGE else Course.RETRY)
    assert meaning_of(google.NotFound("Not found: Job p:US.j")).course is Course.RETRY  # without a service: BigQuery


def test_a_call_that_keeps_failing_returns_the_last_answer() -> None:
    limited = answered(403, "rateLimitExceeded")
    failure = translate(google.RetryError("job", google.RetryError("call", limited)))
    assert failure.message == "BigQuery: rateLimitExceeded, too many jobs were asked for at once"


def test_the_calls_of_a_patient_client_are_repeated_by_the_table() -> None:
    answers = [answered(403, "rateLimitExceeded"), google.ServiceUnavailable("down"), answered(403, "quotaExceeded")]
    made = iter(answers)

    def call() -> None:
        raise next(made)

    with pytest.raises(google.Forbidden) as caught:
        RetryBudget(10, first_pause_seconds=0.001).calls(call)()
    assert caught.value is answers[-1]
