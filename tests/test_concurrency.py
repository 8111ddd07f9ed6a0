"""Phase 4: many concurrent callers: every tick gets one run, no limit is exceeded, and every tenant gets its turn."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from devcloud.environment import function_environment
from devcloud.gateway.function_process import FunctionProcess
from tests.support.crowds import make_due_schedules
from tests.support.dispatching import Dispatching
from tests.support.instance import Instance

Json = dict[str, Any]
CALLERS, INSTANCES = 8, 4
TENANTS, SCHEDULES = 20, 10
DAILY_LIMIT, CONCURRENT_LIMIT = 8, 4

pytestmark = pytest.mark.phase4


@pytest.fixture
def crowd(dispatching: Dispatching, tmp_path: Path) -> Iterator[Crowd]:
    """Several instances of the trigger and of the dispatcher, each a process of its own."""
    started = Crowd(dispatching, tmp_path)
    yield started
    started.stop()


class Crowd:
    """Calls a function's instances at the same time, as Cloud Run spreads calls over them."""

    def __init__(self, dispatching: Dispatching, folder: Path) -> None:
        self._dispatching, self._folder = dispatching, folder
        self._instances = {name: self._start(name) for name in ("trigger_due_pipelines", "process_queue")}

    def at_once(self, function: str, route: str) -> list[requests.Response]:
        """The answers of eight concurrent calls; those that lose a race may get 503."""
        token = self._dispatching.token("cvg-scheduler-invoker", audience=function)
        # The gateway makes Cloud Run's check and removes the tokens' signatures, so these calls have none either.
        bearer = ".".join([*token.split(".")[:2], "SIGNATURE_REMOVED_BY_GOOGLE"])

        def call(number: int) -> requests.Response:
            url = self._instances[function][number % INSTANCES].url
            headers = {"Authorization": f"Bearer {bearer}"}
            return requests.post(f"{url}/api/v1/scheduler/{route}", headers=headers, timeout=90)

        with ThreadPoolExecutor(CALLERS) as threads:
            answers = list(threads.map(call, range(CALLERS)))
        return _accepted(answers)

    def stop(self) -> None:
        """End every process."""
        for instance in [instance for instances in self._instances.values() for instance in instances]:
            instance.stop()

    def _start(self, function: str) -> list[Instance]:
        cloud, key_file = self._dispatching.cloud, self._folder / "scheduler.json"
        key_file.write_text(json.dumps(cloud.identity.mint_key(cloud.project, "cvg-scheduler")))
        environment = function_environment(cloud.cloud, function, key_file=key_file)
        logs = [self._folder / f"{function}_{number}.log" for number in range(INSTANCES)]
        return [Instance(FunctionProcess(function, lambda: environment, log_path=log)) for log in logs]


def _accepted(answers: Sequence[requests.Response]) -> list[requests.Response]:
    assert {answer.status_code for answer in answers} <= {200, 503}
    return [answer for answer in answers if answer.status_code == 200]


def run_until_none_can_start(dispatching: Dispatching, crowd: Crowd) -> None:
    """Call eight dispatchers at once and let all admitted runs succeed, until only limits hold runs back."""
    while True:
        crowd.at_once("process_queue", "process-queue")
        live = dispatching.query("SELECT * FROM tenants.pipeline_execution_queue WHERE state = 'PROCESSING'")
        if not live:
            return
        now = datetime.now(UTC).isoformat()
        events = [
            {"event_id": f"{item['run_id']}-done", "kind": "SUCCEEDED", "occurred_at": now}
            | {name: item[name] for name in ("run_id", "tenant_id", "lease_id", "attempt")}
            for item in live
        ]
        assert dispatching.client.insert_rows_json("tenants.pipeline_run_events", events) == []


def decided(dispatching: Dispatching, tenants: Sequence[str]) -> list[Json]:
    """Every admission and settlement in the order of the epochs that made them."""
    return dispatching.query(
        "SELECT tenant_id, run_id, kind, outcome, CAST(REGEXP_EXTRACT(event_id, r'-(\\d+)$') AS INT64) AS epoch"
        " FROM tenants.pipeline_run_events WHERE kind IN ('ADMITTED', 'SETTLED')"
        " AND tenant_id IN UNNEST(SPLIT(@tenants)) ORDER BY epoch, kind DESC, run_id",
        tenants=",".join(tenants),
    )


def most_at_once(events: Sequence[Json]) -> Counter[str]:
    """The largest number of concurrent runs of each tenant, from the event log."""
    live: dict[str, set[str]] = {event["tenant_id"]: set() for event in events}
    most = Counter[str]()
    for event in events:
        runs = live[event["tenant_id"]]
        (runs.add if event["kind"] == "ADMITTED" else runs.discard)(event["run_id"])
        most[event["tenant_id"]] = max(most[event["tenant_id"]], len(runs))
    return most


def end_the_day(dispatching: Dispatching) -> None:
    """Move today's usage to yesterday, as if it were after midnight."""
    dispatching.query(
        "UPDATE tenants.tenant_usage_quotas SET usage_date = DATE_SUB(usage_date, INTERVAL 1 DAY) WHERE TRUE"
    )


@pytest.mark.timeout(240)
def test_eight_triggers_and_eight_dispatchers_run_two_hundred_ticks_once_and_within_the_limits(
    dispatching: Dispatching, crowd: Crowd
) -> None:
    tenants = dispatching.onboard_many(TENANTS, daily_limit=DAILY_LIMIT, concurrent_limit=CONCURRENT_LIMIT)
    make_due_schedules(dispatching, tenants, SCHEDULES)

    answers = crowd.at_once("trigger_due_pipelines", "trigger")

    assert sum(answer.json()["queued_count"] for answer in answers) == TENANTS * SCHEDULES
    ticks = dispatching.query(
        "SELECT config_id, scheduled_time, run_id FROM tenants.scheduled_pipeline_runs"
        " WHERE tenant_id IN UNNEST(SPLIT(@tenants))",
        tenants=",".join(tenants),
    )
    assert len(ticks) == len({tick["config_id"] for tick in ticks}) == TENANTS * SCHEDULES
    queued = dispatching.query("SELECT run_id FROM tenants.pipeline_execution_queue")
    assert sorted(row["run_id"] for row in queued) == sorted(tick["run_id"] for tick in ticks)

    run_until_none_can_start(dispatching, crowd)

    today = decided(dispatching, tenants)
    assert Counter(event["tenant_id"] for event in today if event["kind"] == "ADMITTED") == dict.fromkeys(
        tenants, DAILY_LIMIT
    )
    waiting = dispatching.query(
        "SELECT wait_reason, COUNT(*) AS found FROM tenants.pipeline_execution_queue GROUP BY wait_reason"
    )
    assert waiting == [{"wait_reason": "DAILY_LIMIT", "found": TENANTS * (SCHEDULES - DAILY_LIMIT)}]

    end_the_day(dispatching)
    run_until_none_can_start(dispatching, crowd)

    events = decided(dispatching, tenants)
    assert most_at_once(events) == dict.fromkeys(tenants, CONCURRENT_LIMIT)
    assert Counter((event["run_id"], event["kind"]) for event in events) == {
        (tick["run_id"], kind): 1 for tick in ticks for kind in ("ADMITTED", "SETTLED")
    }
    assert dispatching.query("SELECT run_id FROM tenants.pipeline_execution_queue") == []
    assert {event["outcome"] for event in events if event["kind"] == "SETTLED"} == {"COMPLETED"}


def test_one_tenants_thousand_runs_do_not_hold_back_forty_tenants_with_two(dispatching: Dispatching) -> None:
    large, *small = dispatching.onboard_many(41, daily_limit=5_000, concurrent_limit=2)
    dispatching.enqueue(large, *(f"pipeline-{number}" for number in range(1_000)), is_manual=True)
    for tenant_id in small:
        dispatching.enqueue(tenant_id, "a", "b", is_manual=True)

    admitted = [run for _ in range(2) for run in dispatching.process({"max_runs": 100})["runs"]]

    counts = Counter(run["tenant_id"] for run in admitted)
    assert counts == dict.fromkeys(small, 2) | {large: 2}


def test_a_run_that_has_waited_long_goes_before_newer_ones_of_higher_priority(dispatching: Dispatching) -> None:
    tenant_id = dispatching.onboard(concurrent_limit=1)
    long_ago = (datetime.now(UTC) - timedelta(hours=3)).isoformat()
    (patient,) = dispatching.enqueue(tenant_id, "patient", priority=0, added_at=long_ago)
    urgent = dispatching.enqueue(tenant_id, *"abcde", is_manual=True)
    started = [run["pipeline_logging_id"] for run in dispatching.process()["runs"]]
    assert started == [patient]
    assert {dispatching.item(run_id)["wait_reason"] for run_id in urgent} == {"CONCURRENT_LIMIT"}
