"""Messages about BigQuery's errors have the reason and its meaning, and never a project, dataset or statement."""

from __future__ import annotations

from typing import Any

import pytest
from google.api_core import exceptions

from shared.adapters.bigquery.job_errors import Missing, UnknownColumn, refused_rows, translated
from shared.errors import ConvergenceError, JobFailed, StepFailed, StepRefused, Unavailable, bigquery_text_of
from shared.pipeline.executor import classified

google: Any = exceptions  # its exceptions have no annotations


def bad_request(message: str, reason: str) -> Any:
    return google.BadRequest(message, errors=[{"reason": reason, "message": message}])


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            bad_request("Unrecognized name: cots in `platform-prod.tenants.tenant_api_keys` at [3:7]", "invalidQuery"),
            "BigQuery: invalidQuery, a statement is not valid, or a value is not what it expects",
        ),
        (
            google.NotFound("Not found: Table platform-prod:acme.gcp_cost_billing was not found in location EU"),
            "BigQuery: notFound, table gcp_cost_billing does not exist",
        ),
        (
            google.NotFound("Not found: Dataset platform-prod:acme was not found in location EU"),
            "BigQuery: notFound, dataset does not exist",
        ),
        (google.NotFound("Not found: Job platform-prod:EU.cvg-1"), "BigQuery: notFound, job does not exist"),
        (bad_request("tenants.x", "somethingNew"), "BigQuery: somethingNew, it failed"),
        (google.BadRequest("GET https://bigquery.example/projects/platform-prod"), "BigQuery: it failed"),
    ],
)
def test_the_reason_is_shown_and_the_text_is_kept_for_the_log(error: Any, message: str) -> None:
    with pytest.raises(JobFailed) as caught, translated():
        raise error
    assert caught.value.message == message
    failure = classified(caught.value)
    assert type(failure) is (StepRefused if "invalidQuery" in message else StepFailed)
    assert failure.message == message
    assert bigquery_text_of(failure) == error.message
    assert isinstance(caught.value, Missing) == isinstance(error, google.NotFound)


@pytest.mark.parametrize(
    ("text", "is_tenants"),
    [
        ("Not found: Dataset platform-prod:tenant was not found in location EU", True),
        ("Not found: Table example.com:prod:tenant.focus_cost was not found in location EU", True),
        ("Not found: Table platform-prod:tenants.tenant_api_keys was not found in location EU", False),
        ("Not found: Table platform-prod:tenant_2.focus_cost was not found in location EU", False),
    ],
)
def test_a_missing_table_is_the_tenants_own_only_in_its_dataset(text: str, is_tenants: bool) -> None:
    assert Missing("m", raw=text).is_in("tenant") is is_tenants


def test_a_denied_access_of_the_platform_is_retried_and_its_tables_are_not_named() -> None:
    denied = google.Forbidden(
        "Access Denied: Table platform-prod:tenants.tenant_api_keys", errors=[{"reason": "accessDenied"}]
    )
    with pytest.raises(Unavailable) as caught, translated():
        raise denied
    assert caught.value.message == "BigQuery: accessDenied, the platform may not do this"
    assert caught.value.facts["retry_after"] == 30


@pytest.mark.parametrize(
    ("problems", "kind"),
    [
        ([{"reason": "invalid", "message": "no such field: turn."}], UnknownColumn),
        (
            [{"reason": "stopped", "message": ""}, {"reason": "invalid", "message": "no such field: turn."}],
            UnknownColumn,
        ),
        ([{"reason": "invalid", "message": "Cannot convert value to integer"}], JobFailed),
        ([{"reason": "stopped", "message": ""}], JobFailed),
    ],
)
def test_rows_are_streamed_again_only_if_an_unknown_column_is_the_only_reason(
    problems: list[dict[str, str]], kind: type[JobFailed]
) -> None:
    failed = [{"index": index, "errors": [problem]} for index, problem in enumerate(problems)]
    assert type(refused_rows("events", failed)) is kind


def test_errors_of_other_services_have_no_text_about_bigquery() -> None:
    assert bigquery_text_of(ConvergenceError("no")) is None
