"""Measures the pace of the checkout in which it is started, at BigQuery's latencies.

Its process uses the folder, path and packages of that checkout, so that it can measure an earlier commit too. It
measures one part. It prints an empty JSON object when the set-up is done, then one JSON object on each line as soon as
a figure is known. Progress goes to stderr. If the commit's devcloud has no latencies yet, the probe delays each
statement itself.
"""

from __future__ import annotations

import importlib.util
import json
import signal
import statistics
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn

import requests
from sqlglot import exp

from devcloud.bigquery.sql.engine import Engine
from devcloud.onboarding import onboard
from devcloud.seed_billing.export import Target, write_export
from devcloud.seed_billing.rows import Plan
from devcloud.server import Devcloud

Json = dict[str, Any]
ROWS_PER_DAY, DAYS = 20, 8
TRANSACTIONS = ("accept_runs", "apply_decision", "begin_attempt", "publish", "close_attempt", "close_run")
GUESSES, TOO_LATE = 20, 75
MIB_A_TABLE = 10  # the least that BigQuery bills for each table that a query reads
MAX_BACKFILLS = 4  # 148 runs; more take long on an old commit that closes each run by its own task


class Tenant:
    """A tenant of the cloud with its exports."""

    def __init__(self, cloud: Devcloud, name: str, *, exports: int = 1, daily_limit: int = 500) -> None:
        self._cloud, self.name = cloud, name
        project = f"{name.replace('_', '-')}-gcp"
        with cloud.clients() as clients:
            made = onboard(clients.bigquery(), name, daily_limit=daily_limit, concurrent_limit=exports)
            self._key = made.api_key
        with cloud.clients(cloud.identity.mint_key(project, "exporter")) as clients:
            plan = Plan(1, date(2025, 11, 1), DAYS, ROWS_PER_DAY)
            names = [f"gcp_billing_export_resource_v1_T{number}" for number in range(exports)]
            targets = [Target(project, "billing", export, "US") for export in names]
            self.tables = [write_export(clients.bigquery(), plan, target)["table"] for target in targets]
        key = json.dumps(cloud.identity.mint_key(project, "reader"))
        content = {"project_id": project, "service_account_json": key, "billing_export_table": self.tables[0]}
        answer = self.call("POST", f"/api/v1/tenants/{name}/credentials", {"provider": "GCP", "credentials": content})
        answer.raise_for_status()

    def run(self, body: Json) -> tuple[str, float, float]:
        """Request a run; returns its id, the time of the request, and how long the answer took."""
        asked, clock = time.time(), time.monotonic()
        answer = self.post_run(body)
        answer.raise_for_status()
        return answer.json()["pipeline_logging_id"], asked, time.monotonic() - clock

    def post_run(self, body: Json, key: str | None = None) -> requests.Response:
        """POST run, with another key if one is given."""
        return self.call("POST", f"/api/v1/pipelines/run/{self.name}/gcp/cost/billing", body, key)

    def run_alone(self, body: Json) -> tuple[float, float]:
        """Start a run; return the seconds until POST run was answered and until the run had ended."""
        run_id, asked, took = self.run(body)
        return took, self.ends([run_id])[run_id][0] - asked

    def ends(self, run_ids: list[str]) -> dict[str, tuple[float, str, int]]:
        """The time of each run's end, its status and its attempts; waits for the last run."""
        wanted = ", ".join(f"'{run_id}'" for run_id in run_ids)
        sql = (
            "SELECT run_id, UNIX_MICROS(completed_at) / 1e6 AS ended, status, attempt"
            f" FROM {self.name}.x_meta_pipeline_runs WHERE completed_at IS NOT NULL AND run_id IN ({wanted})"
        )
        with self._cloud.clients() as clients:
            client, pause, reported = clients.bigquery(), threading.Event(), 0
            while True:
                rows = list(client.query_and_wait(sql))
                if len(rows) > reported:
                    reported = len(rows)
                    progress(f"{reported} of {len(run_ids)} runs ended")
                if len(rows) == len(run_ids):
                    return {row["run_id"]: (row["ended"], row["status"], row["attempt"]) for row in rows}
                pause.wait(2)  # poll, as a caller would

    def jobs(self, since: float, *statements: str) -> list[Json]:
        """The finished jobs of these statements."""
        return [
            job
            for job in self._cloud.bigquery.jobs()
            if job["labels"].get("statement") in statements and job["created_at_ms"] >= since * 1000
        ]

    def call(self, method: str, path: str, body: Json, key: str | None = None) -> requests.Response:
        """The answer of the gateway."""
        url, headers = self._cloud.ready["gateway"] + path, {"X-API-Key": key or self._key}
        return requests.request(method, url, json=body, headers=headers, timeout=300)


def tell(**figures: float) -> None:
    """Print figures; without any, say that the tenants are set up."""
    print(json.dumps(figures), flush=True)


def progress(text: str) -> None:
    """Print progress on stderr."""
    print(f"  {text}", file=sys.stderr, flush=True)


def alone(cloud: Devcloud, runs: int) -> None:
    """Measure runs one by one, and print the medians of the runs that end in time."""
    tenant, took = Tenant(cloud, "alone_one"), list[tuple[float, float]]()
    tell()
    since = time.time()
    try:
        for day in range(1, runs + 1):
            took.append(tenant.run_alone({"date": f"2025-11-0{day}"}))
    finally:
        if took:
            applied = [job["duration_ms"] / 1000 for job in tenant.jobs(since, "apply_decision")]
            tell(
                post=statistics.median(answer for answer, _ in took),
                apply=statistics.median(applied),
                alone=statistics.median(end for _, end in took),
            )


def at_once(cloud: Devcloud, exports: int) -> None:
    """Measure runs over all exports that start together, like schedules of the same hour."""
    tenant = Tenant(cloud, "busy_one", exports=exports)
    tell()
    _, one = tenant.run_alone({"date": "2025-11-01"})
    tell(one=one)
    since, span = time.time(), {"start_date": "2025-11-01", "end_date": f"2025-11-0{DAYS}"}
    with ThreadPoolExecutor(exports) as threads:
        runs = list(threads.map(lambda table: tenant.run({**span, "billing_export_table": table}), tenant.tables))
    ends = tenant.ends([run_id for run_id, *_ in runs]).values()
    transactions = tenant.jobs(since, *TRANSACTIONS)
    publishes = [job["duration_ms"] / 1000 for job in tenant.jobs(since, "publish") if not job["error"]]
    tell(publishes=sum(publishes))
    tell(
        last_end=max(ended for ended, *_ in ends) - since,
        attempts=sum(attempt for *_, attempt in ends),
        failed=sum(status != "COMPLETED" for _, status, _ in ends),
        aborted=100 * sum(job["error"] is not None for job in transactions) / len(transactions),
    )


def flood(cloud: Devcloud) -> None:
    """Measure a tenant's run while another tenant's queue is full of backfills, and after their cancellation."""
    calm = Tenant(cloud, "calm_one")
    noisy = Tenant(cloud, "noisy_one", daily_limit=5)
    tell()
    tell(calm=calm.run_alone({"date": "2025-11-01"})[1])
    years = {"start_date": "2022-11-01", "end_date": "2025-11-07", "split": "month"}
    accepted = []
    for number in range(MAX_BACKFILLS):
        answer = noisy.post_run({**years, "billing_export_table": f"no-such-project.d.t{number}"})
        if answer.status_code == requests.codes.too_many_requests:
            break
        answer.raise_for_status()
        accepted.append(answer.json()["backfill_id"])
    progress(f"{len(accepted)} backfills of another tenant wait")
    tell(flooded=calm.run_alone({"date": "2025-11-02"})[1])
    for backfill_id in accepted:
        noisy.call("POST", f"/api/v1/pipelines/backfills/{noisy.name}/{backfill_id}/cancel", {}).raise_for_status()
    progress("they are cancelled")
    tell(cancelled=calm.run_alone({"date": "2025-11-03"})[1])


def guesses(cloud: Devcloud) -> None:
    """Measure the least that BigQuery bills for a million POST runs with unknown keys."""
    tenant = Tenant(cloud, "guessed_one")
    tell()
    since = time.time()
    for number in range(GUESSES):
        tenant.post_run({"date": "2025-11-01"}, key=f"{tenant.name}_api_{number:024d}")
    jobs = [job for job in cloud.bigquery.jobs() if job["created_at_ms"] >= since * 1000]
    asked = [job for job in jobs if job["labels"].get("function") == "run_pipeline"]
    tell(guesses=sum(MIB_A_TABLE * len(job["tables"]) for job in asked) / GUESSES * 1e6 / 1024)


def slow_cloud(folder: Path, latencies_file: Path, seed: int) -> Devcloud:
    """A cloud with BigQuery's latencies, built in or added by `slow_down`; with seed 0 always the median."""
    spec = importlib.util.spec_from_file_location("pace_latencies", latencies_file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    latencies = module.Latencies(seed)
    if not seed:
        latencies.draw = lambda _: module.quantile(0.5)
    try:
        return Devcloud(folder, schedules=False, latencies=latencies)
    except TypeError:  # an earlier devcloud has no latencies
        slow_down(latencies)
        return Devcloud(folder, schedules=False)


def slow_down(latencies: Any) -> None:
    """Delay each statement that runs, except those that begin or commit a transaction."""
    plain: Any = Engine._dispatch

    def dispatch(self: Engine, statement: Any, runner: Any) -> Any:
        if not runner.request.dry_run and not isinstance(statement.tree, exp.Transaction | exp.Commit):
            time.sleep(latencies.draw(statement.text))  # the delay is what this function adds
        return plain(self, statement, runner)

    Engine._dispatch = dispatch  # type: ignore[method-assign] # every statement passes here


def give_up(*_: object) -> NoReturn:
    """End, and leave nothing running."""
    progress("ended: it took too long")
    sys.exit(TOO_LATE)


def main() -> None:
    """Measure one part, and print its figures as they come."""
    part, latencies_file, (seed, exports, runs) = sys.argv[1], Path(sys.argv[2]), map(int, sys.argv[3:6])
    signal.signal(signal.SIGTERM, give_up)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="real-pace-", ignore_cleanup_errors=True)))
        cloud = stack.enter_context(slow_cloud(folder, latencies_file, seed))
        match part:
            case "alone":
                alone(cloud, runs)
            case "at-once":
                at_once(cloud, exports)
            case "flood":
                flood(cloud)
            case "guesses":
                guesses(cloud)
            case _:
                raise ValueError(part)


if __name__ == "__main__":
    main()
