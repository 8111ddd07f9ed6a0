"""The error of a refused read session names the project if it is the reason, and the table otherwise."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from google.api_core import exceptions
from google.rpc import error_details_pb2

from shared.adapters.google.tenant_export import source_errors
from shared.errors import SourceNotFound, SourceThrottled, Throttled

google: Any = exceptions  # its exceptions have no annotations
DISABLED = error_details_pb2.ErrorInfo(reason="SERVICE_DISABLED", domain="googleapis.com")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            google.PermissionDenied(
                "request failed: the user does not have 'bigquery.readsessions.create' permission for 'projects/theirs'"
            ),
            "the credential's project theirs does not let this account read; grant it BigQuery Read Session User there",
        ),
        (
            google.PermissionDenied("BigQuery Storage API has not been used in project 5", error_info=DISABLED),
            "the credential's project theirs has no BigQuery Storage API; enable it there",
        ),
        (
            google.PermissionDenied("request failed: the user does not have 'bigquery.tables.getData' permission"),
            "theirs.d.t may not be read with the tenant's credentials",
        ),
    ],
)
def test_a_refused_read_names_the_project_or_the_table(error: Exception, message: str) -> None:
    with pytest.raises(SourceNotFound) as raised, source_errors("theirs.d.t", project="theirs"):
        raise error
    assert raised.value.message == message


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (google.Forbidden("custom quota", errors=[{"reason": "quotaExceeded"}]), "a quota of BigQuery is used up"),
        (google.Forbidden("rate", errors=[{"reason": "rateLimitExceeded"}]), "too many jobs were asked for at once"),
        (google.from_grpc_status(grpc.StatusCode.RESOURCE_EXHAUSTED, "quota"), "a quota of it is used up"),
    ],
)
def test_a_quota_of_the_tenants_own_project_uses_up_attempts(error: Exception, words: str) -> None:
    with pytest.raises(SourceThrottled) as raised, source_errors("theirs.d.t", project="theirs"):
        raise error
    assert raised.value.message == f"theirs.d.t: {words}"
    assert raised.value.facts["retry_after"] > 0
    assert not isinstance(raised.value, Throttled)  # the run would be paused, and keep its attempt, for ever
