"""A dependency that does not answer is reported as down before the function's timeout."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from shared.adapters.bigquery.sql import Statement
from shared.adapters.bigquery.warehouse import Warehouse
from shared.adapters.google.retry_budget import RetryBudget
from shared.configuration.platform_config import get_platform
from shared.errors import Unavailable

STATEMENT = Statement("find_x", "SELECT 1 AS x", {})
PATIENCE = RetryBudget(0.5)


@pytest.fixture
def warehouse() -> Iterator[Warehouse]:
    """BigQuery at a reserved address where no process listens."""
    with closing(socket.socket()) as bound:
        bound.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{bound.getsockname()[1]}"
        credentials = AnonymousCredentials()
        client = bigquery.Client("p", credentials, location="US", client_options={"api_endpoint": endpoint})
        yield Warehouse(client, "p", "US", "tenants", "x_staging", {}, 10**12, PATIENCE)


@pytest.mark.parametrize(
    ("call", "values"),
    [
        (Warehouse.read, {"statement": STATEMENT, "values": {}}),
        (Warehouse.change, {"statement": STATEMENT, "values": {}}),
        (Warehouse.insert, {"statement": STATEMENT, "values": {}, "job_id": "j"}),
        (Warehouse.once, {"statement": STATEMENT, "values": {}, "job_id": "j"}),
        (Warehouse.estimate, {"statement": STATEMENT, "values": {}}),
        (Warehouse.get_job, {"job_id": "j"}),
        (Warehouse.stream, {"table": "t", "rows": [{"a": 1}], "row_ids": ["1"]}),
    ],
)
def test_calls_of_an_unreachable_bigquery_end_with_the_retry_budget(
    warehouse: Warehouse, call: Any, values: dict[str, Any]
) -> None:
    began = time.monotonic()
    with pytest.raises(Unavailable) as caught:
        call(warehouse, **values)
    assert time.monotonic() - began < 10
    assert caught.value.facts["retry_after"] == 5


def test_every_function_has_time_left_to_report_the_outage() -> None:
    for function in get_platform().functions.values():
        seconds = RetryBudget.of_function(function.timeout_seconds).seconds
        assert 15 <= seconds <= function.timeout_seconds / 2
