"""Measures the scheduler's own share of 1,000 trivial scheduled runs, compared with a plain scheduler.

The pipeline of a trivial run does nothing: its executor succeeds at once. Neither side touches a tenant's data, so only
the scheduler is measured. The measurement begins when the schedules are due. It ends when every run is recorded as
COMPLETED and has left the queue. Control-plane jobs are the BigQuery jobs that the scheduler itself causes in this
time. devcloud's job log counts them.

The product: one POST of trigger_due_pipelines, then POST process_queue until the queue is empty. The benchmark stands
in for execute_run. It takes the tasks that process_queue gave to Cloud Tasks, and sends CLAIMED and SUCCEEDED of every
task, under the task's lease, in one request, because an executor's time is not measured. A tenant has ten runs, and its
limit lets five run at once.

The plain scheduler is the one that most people would write first. Every statement is a job: 1 + 3N for a trigger of N
runs, 6 for each run. A call of the queue processor starts one run; Cloud Scheduler calls it every five minutes. Here
the calls follow each other at once, without HTTP.

Both run on the same devcloud, one after the other. The goals: 20 times faster, 100 times fewer control-plane jobs.
"""

from __future__ import annotations

import argparse
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.parts.plain_scheduler import PlainScheduler
from devcloud.clients import warehouse_of
from devcloud.server import Devcloud
from shared.adapters.stores.events import RunEvents
from shared.domain.runs.events import Kind, RunEvent
from tests.support.crowds import make_due_schedules
from tests.support.dispatching import Dispatching

Json = dict[str, Any]
RUNS = 1_000
SCHEDULES_PER_TENANT, CONCURRENT_LIMIT = 10, 5
FASTER, FEWER_JOBS = 20, 100


@dataclass(frozen=True)
class Measured:
    """The time and jobs until all runs were done."""

    seconds: float
    jobs: int


def measure(dispatching: Dispatching, runs: int) -> tuple[Measured, Measured]:
    """Measure the product and the plain scheduler with the same number of runs.

    The queue must be empty, and Cloud Tasks must be paused.
    """
    plain = PlainScheduler(dispatching.client, dispatching.cloud.platform.datasets.central)
    product = _measured(dispatching, runs, lambda _: run_product(dispatching))
    return product, _measured(dispatching, runs, lambda tenants: run_plain(plain, tenants))


@contextmanager
def still_cloud() -> Iterator[Dispatching]:
    """A cloud in which Cloud Tasks delivers nothing by itself; its functions are running."""
    with (
        TemporaryDirectory(prefix="due-to-done-") as folder,
        Devcloud(Path(folder), schedules=False) as cloud,
        cloud.clients() as clients,
    ):
        dispatching = Dispatching(cloud, clients.bigquery(), clients.tasks())
        dispatching.stand_still()
        dispatching.trigger()
        dispatching.process()
        yield dispatching


def _measured(dispatching: Dispatching, runs: int, run: Callable[[Sequence[str]], None]) -> Measured:
    tenants = dispatching.onboard_many(
        runs // SCHEDULES_PER_TENANT, daily_limit=SCHEDULES_PER_TENANT, concurrent_limit=CONCURRENT_LIMIT
    )
    make_due_schedules(dispatching, tenants, SCHEDULES_PER_TENANT)
    before, started = len(dispatching.cloud.bigquery.jobs()), time.monotonic()
    run(tenants)
    measured = Measured(time.monotonic() - started, len(dispatching.cloud.bigquery.jobs()) - before)
    _check_all_completed(dispatching, tenants, runs)
    return measured


def _check_all_completed(dispatching: Dispatching, tenants: Sequence[str], runs: int) -> None:
    found = dispatching.query(
        "SELECT state, COUNT(*) AS runs FROM tenants.scheduled_pipeline_runs"
        " WHERE tenant_id IN UNNEST(SPLIT(@tenants)) GROUP BY state",
        tenants=",".join(tenants),
    )
    left = dispatching.query("SELECT COUNT(*) AS items FROM tenants.pipeline_execution_queue")
    if found != [{"state": "COMPLETED", "runs": runs}] or left != [{"items": 0}]:
        raise SystemExit(f"not all of {runs} runs are done: {found}, {left}")


def run_product(dispatching: Dispatching) -> None:
    """Trigger, then dispatch until the queue is empty. Act as the executor of each task."""
    events = RunEvents(warehouse_of(dispatching.client))
    dispatching.trigger()
    while True:
        answer = dispatching.process()
        if not answer["runs"] and not answer["waiting_count"]:
            return
        admitted = [run["pipeline_logging_id"] for run in answer["runs"]]
        tasks = dispatching.deliveries(*admitted)
        events.append([event for task in tasks for event in trivial_run(task)])


def trivial_run(task: Json) -> Iterator[RunEvent]:
    """The events of an executor with nothing to do."""
    kinds: tuple[Kind, Kind] = ("CLAIMED", "SUCCEEDED")
    for kind in kinds:
        yield RunEvent(
            run_id=task["run_id"],
            tenant_id=task["tenant_id"],
            kind=kind,
            occurred_at=datetime.now(UTC),
            event_id=uuid.uuid4().hex,
            lease_id=task["lease_id"],
            attempt=task["attempt"],
            details={"hop": task["hop"]},
        )


def run_plain(plain: PlainScheduler, tenants: Sequence[str]) -> None:
    """Trigger, then call the queue processor until the queue is empty."""
    plain.trigger(tenants)
    while plain.process_queue():
        pass


def main() -> int:
    """Print the table; returns 1 if a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.due_to_done", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--runs", type=int, default=RUNS, help=f"how many; a multiple of {SCHEDULES_PER_TENANT}")
    runs = parser.parse_args().runs
    with still_cloud() as dispatching:
        product, plain = measure(dispatching, runs)
    faster, fewer = plain.seconds / product.seconds, plain.jobs / product.jobs
    table = Table(title=f"Due to done, {runs:,} trivial runs", title_justify="left", box=None)
    for column in ("", "seconds", "runs a second", "control-plane jobs"):
        table.add_column(column, justify="right" if column else "left")
    for name, measured in (("product", product), ("plain scheduler", plain)):
        table.add_row(name, f"{measured.seconds:.1f}", f"{runs / measured.seconds:.1f}", f"{measured.jobs:,}")
    table.add_row("ratio (goal)", f"{faster:.0f}x ({FASTER}x)", "", f"{fewer:.0f}x ({FEWER_JOBS}x)")
    Console(width=120).print(table)
    return 0 if faster >= FASTER and fewer >= FEWER_JOBS else 1


if __name__ == "__main__":
    sys.exit(main())
