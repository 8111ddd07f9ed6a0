"""Measures the pace of one checkout of the product, the one that it is started in, at BigQuery's latencies.

It runs on its own, in a process whose folder and path are the checkout's, and prints one JSON object: so that an
earlier commit can be measured by the same means. Where that commit's devcloud has no latencies yet, it puts them in
front of each statement.
"""

from __future__ import annotations

import importlib.util
import json
import statistics
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import requests
from sqlglot import exp

from devcloud.bigquery.sql.engine import Engine
from devcloud.onboarding import onboard
from devcloud.seed_billing.export import Target, write_export
from devcloud.seed_billing.rows import Plan
from devcloud.server import Devcloud

Json = dict[str, Any]
TENANT, PROJECT = "busy_one", "busy-one-gcp"
RUN = f"/api/v1/pipelines/run/{TENANT}/gcp/cost/billing"
ROWS_PER_DAY, DAYS = 20, 8
TRANSACTIONS = ("accept_runs", "apply_decision", "begin_attempt", "publish", "close_attempt", "close_run")


class Probe:
    """A cloud of its own with one tenant and its exports."""

    def __init__(self, cloud: Devcloud, exports: int) -> None:
        self._cloud = cloud
        with cloud.clients() as clients:
            self._key = onboard(clients.bigquery(), TENANT, daily_limit=500, concurrent_limit=exports).api_key
        with cloud.clients(cloud.identity.mint_key(PROJECT, "exporter")) as clients:
            plan = Plan(1, date(2025, 11, 1), DAYS, ROWS_PER_DAY)
            names = [f"gcp_billing_export_resource_v1_T{number}" for number in range(exports)]
            targets = [Target(PROJECT, "billing", name, "US") for name in names]
            self.tables = [write_export(clients.bigquery(), plan, target)["table"] for target in targets]
        key = json.dumps(cloud.identity.mint_key(PROJECT, "reader"))
        content = {"project_id": PROJECT, "service_account_json": key, "billing_export_table": self.tables[0]}
        self._call("POST", f"/api/v1/tenants/{TENANT}/credentials", {"provider": "GCP", "credentials": content})

    def run(self, body: Json) -> tuple[str, float, float]:
        """Ask for a run: its id, when, and how long the answer took."""
        asked, clock = time.time(), time.monotonic()
        run_id = self._call("POST", RUN, body)["pipeline_logging_id"]
        return run_id, asked, time.monotonic() - clock

    def ends(self, run_ids: list[str]) -> dict[str, tuple[float, str, int]]:
        """When each of the runs ended, how, and in which attempt; waits for the last one."""
        wanted = ", ".join(f"'{run_id}'" for run_id in run_ids)
        sql = (
            "SELECT run_id, UNIX_MICROS(completed_at) / 1e6 AS ended, status, attempt"
            f" FROM {TENANT}.x_meta_pipeline_runs WHERE completed_at IS NOT NULL AND run_id IN ({wanted})"
        )
        with self._cloud.clients() as clients:
            client, pause = clients.bigquery(), threading.Event()
            while True:
                rows = list(client.query_and_wait(sql))
                if len(rows) == len(run_ids):
                    return {row["run_id"]: (row["ended"], row["status"], row["attempt"]) for row in rows}
                pause.wait(2)  # between two looks from outside

    def jobs(self, since: float, *statements: str) -> list[Json]:
        """The finished jobs of these statements."""
        return [
            job
            for job in self._cloud.bigquery.jobs()
            if job["labels"].get("statement") in statements and job["created_at_ms"] >= since * 1000
        ]

    def _call(self, method: str, path: str, body: Json) -> Json:
        url = self._cloud.ready["gateway"] + path
        answer = requests.request(method, url, json=body, headers={"X-API-Key": self._key}, timeout=300)
        answer.raise_for_status()
        found: Json = answer.json()
        return found


def measure(probe: Probe, alone: int) -> Json:
    """The figures, in seconds: medians of several runs alone, then all exports at once."""
    since, answers, lasted = time.time(), [], []
    for day in range(1, alone + 1):
        run_id, asked, took = probe.run({"date": f"2025-11-0{day}"})
        answers.append(took)
        lasted.append(probe.ends([run_id])[run_id][0] - asked)
    applied = [job["duration_ms"] / 1000 for job in probe.jobs(since, "apply_decision")]
    return {
        "post": statistics.median(answers),
        "apply": statistics.median(applied),
        "alone": statistics.median(lasted),
        **at_once(probe),
    }


def at_once(probe: Probe) -> Json:
    """What becomes of a run over each export when all are asked for at once, as schedules of one hour do."""
    since, span = time.time(), {"start_date": "2025-11-01", "end_date": f"2025-11-0{DAYS}"}
    with ThreadPoolExecutor(len(probe.tables)) as threads:
        runs = list(threads.map(lambda table: probe.run({**span, "billing_export_table": table}), probe.tables))
    ends = probe.ends([run_id for run_id, *_ in runs])
    transactions = probe.jobs(since, *TRANSACTIONS)
    publishes = [job["duration_ms"] / 1000 for job in probe.jobs(since, "publish") if not job["error"]]
    return {
        "runs": len(runs),
        "last_end": max(ended for ended, *_ in ends.values()) - since,
        "publishes": sum(publishes),
        "failed": sum(status != "COMPLETED" for _, status, _ in ends.values()),
        "attempts": sum(attempt for *_, attempt in ends.values()),
        "transactions": len(transactions),
        "aborted": sum(job["error"] is not None for job in transactions),
    }


def slow_cloud(folder: Path, latencies_file: Path, seed: int) -> Devcloud:
    """A cloud with BigQuery's latencies, in whichever way this checkout can have them."""
    spec = importlib.util.spec_from_file_location("pace_latencies", latencies_file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    latencies = module.Latencies(seed)
    try:
        return Devcloud(folder, schedules=False, latencies=latencies)
    except TypeError:  # an earlier devcloud
        slow_down(latencies)
        return Devcloud(folder, schedules=False)


def slow_down(latencies: Any) -> None:
    """Let each statement that runs take its time, but for those around transactions."""
    plain: Any = Engine._dispatch

    def dispatch(self: Engine, statement: Any, runner: Any) -> Any:
        if not runner.request.dry_run and not isinstance(statement.tree, exp.Transaction | exp.Commit):
            time.sleep(latencies.draw(statement.text))  # the latency
        return plain(self, statement, runner)

    Engine._dispatch = dispatch  # type: ignore[method-assign] # the one place that every statement passes


def main() -> None:
    """Print the figures."""
    latencies_file, seed, exports, alone = Path(sys.argv[1]), *map(int, sys.argv[2:5])
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="real-pace-")))
        cloud = stack.enter_context(slow_cloud(folder, latencies_file, seed))
        print(json.dumps(measure(Probe(cloud, exports), alone)))


if __name__ == "__main__":
    main()
