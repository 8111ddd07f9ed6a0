"""At most one live run of a pipeline and source (I7), with any number of concurrent dispatchers."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.dispatching import Dispatching

CALLERS, RUNS = 8, 4
PIPELINE = "gcp-cost-billing"
SOURCES = ("gcp:acme.billing.detailed", "gcp:acme.billing.standard")


@pytest.mark.timeout(180)
def test_eight_dispatchers_at_once_never_start_two_runs_of_one_source(dispatching: Dispatching) -> None:
    tenant_id = dispatching.onboard(daily_limit=100, concurrent_limit=10)
    for source in SOURCES:
        dispatching.enqueue(tenant_id, *[PIPELINE] * RUNS, source=source)
    dispatching.enqueue(tenant_id, "gcp-cost-other", source=SOURCES[0])
    live_sql = "SELECT * FROM tenants.pipeline_execution_queue WHERE state = 'PROCESSING'"
    finished: Counter[tuple[str, str]] = Counter()
    for turn in range(RUNS):
        with ThreadPoolExecutor(CALLERS) as threads:
            answers = list(threads.map(lambda _: dispatching.call(), range(CALLERS)))
        assert {answer.status_code for answer in answers} <= {200, 503}
        live = dispatching.query(live_sql)
        wanted = {(PIPELINE, source): 1 for source in SOURCES} | (
            {("gcp-cost-other", SOURCES[0]): 1} if turn == 0 else {}
        )
        assert Counter((item["pipeline_id"], item["source"]) for item in live) == wanted
        waiting = "SELECT DISTINCT wait_reason FROM tenants.pipeline_execution_queue WHERE state = 'QUEUED'"
        assert [row["wait_reason"] for row in dispatching.query(waiting)] == ["PIPELINE_BUSY"] * (turn < RUNS - 1)
        for item in live:
            dispatching.report(item["run_id"], "SUCCEEDED")
        finished.update((item["pipeline_id"], item["source"]) for item in live)
    dispatching.process()
    assert dispatching.query("SELECT run_id FROM tenants.pipeline_execution_queue") == []
    assert finished == {(PIPELINE, source): RUNS for source in SOURCES} | {("gcp-cost-other", SOURCES[0]): 1}
