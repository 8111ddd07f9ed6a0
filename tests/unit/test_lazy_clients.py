from __future__ import annotations

import pytest

from benchmarks.import_time import REQUESTS, cold_start
from shared.configuration.platform_config import get_platform
from tools.function_packages import hidden_modules

BIGQUERY = "google.cloud.bigquery"
# The additional modules that a typical request of a function needs. REQUESTS has that request.
MORE = {
    "run_pipeline": ["google.cloud.tasks_v2"],
    "execute_run": ["google.cloud.bigquery_storage", "google.cloud.kms", "google.cloud.tasks_v2"],
    "send_alerts": ["google.cloud.kms"],
}


def test_every_function_has_a_typical_request() -> None:
    assert set(REQUESTS) == set(get_platform().functions)


@pytest.mark.parametrize("function", get_platform().functions)
def test_a_function_imports_no_client_by_itself_and_its_request_only_those_it_uses(function: str) -> None:
    # Only the packages of the function's own requirements.txt can be imported, in a process of its own.
    start = cold_start(function, REQUESTS[function], hidden=hidden_modules(function))
    assert start["after_main"] == []
    assert start["after_all"] == [BIGQUERY, *MORE.get(function, [])]
