"""Compares a run over a million rows, with its FOCUS mapping, with the simple program that a user would write.

Both run on this machine, one after the other, each in its own process:

- the product: gcp/cost/billing with extract, FOCUS, checks and publish, on its own devcloud;
- the simple program: dlt loads the same rows from a Parquet file into DuckDB, then one plain statement maps them
  (benchmarks/parts/focus_contender.sql). It does less: no checks, no utilization by units, no common transaction.

The seconds of a step come from the executor's log. The product's CPU is the sum of executor and devcloud, because both
run here. On BigQuery the mapping costs the slot time of one query; docs/focus.md says how many bytes it shuffles. Only
one figure has a bound: the CPU of the product's whole run divided by the CPU of the other whole run.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.extract_to_published import PYTHON, ROOT, Goal
from benchmarks.parts.executor_run import SEED, Bench, bench
from tests.support.tenant import Tenant

ROWS = 1_000_000
MAX_CPU_RATIO = 4


@dataclass(frozen=True)
class Ran:
    """The product's run: seconds of each step and of the whole, CPU of executor and devcloud, rows of both tables."""

    steps: dict[str, float]
    seconds: float
    executor_cpu: float
    devcloud_cpu: float
    rows: int
    focus_rows: int
    billed: str


@dataclass(frozen=True)
class Written:
    """The run of dlt and SQL: rows and billed cost of its table; seconds and CPU of the load, and of the whole."""

    rows: int
    billed: str
    load_seconds: float
    load_cpu_seconds: float
    seconds: float
    cpu_seconds: float


def product(platform: Bench, tenant: Tenant) -> Ran:
    """A fresh executor process runs over the tenant's whole export."""
    task, before = platform.executions.admit(tenant, {}, lease_seconds=3000), _own_cpu()
    took = platform.executor(task, "benchmarks.parts.whole_run")
    devcloud_cpu = _own_cpu() - before
    (found,) = platform.executions.query(
        f"SELECT (SELECT COUNT(*) FROM {tenant.tenant_id}.gcp_cost_billing) AS row_count,"
        f" COUNT(*) AS focus_rows, SUM(BilledCost) AS billed FROM {tenant.tenant_id}.focus_cost"
    )
    return Ran(
        steps=took["steps"],
        seconds=took["seconds"],
        executor_cpu=took["cpu_seconds"],
        devcloud_cpu=devcloud_cpu,
        rows=found["row_count"],
        focus_rows=found["focus_rows"],
        billed=f"{found['billed']:f}",
    )


def _own_cpu() -> float:
    """The CPU time of this process. devcloud's BigQuery runs in its threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def contender(file: Path, folder: Path) -> Written:
    """dlt and a plain statement run over the same rows."""
    folder.mkdir()
    script = ROOT / "benchmarks" / "parts" / "focus_contender.py"
    command = [str(PYTHON), str(script), str(file), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return Written(**json.loads(done.stdout.splitlines()[-1]))


def shown(own: Ran, other: Written, console: Console) -> Goal:
    """Print both ways and the ratios; returns the ratio that has a bound."""
    table = Table(title=f"{own.rows:,} rows of an export", title_justify="left", box=None)
    for column in ("", "extract", "focus", "checks", "publish", "whole run", "CPU seconds", "FOCUS rows"):
        table.add_column(column, justify="right" if column else "left")
    own_cpu = own.executor_cpu + own.devcloud_cpu
    steps = [f"{own.steps[name]:.1f} s" for name in ("extract", "focus", "checks", "publish")]
    table.add_row("Convergence", *steps, f"{own.seconds:.1f} s", f"{own_cpu:.1f}", f"{own.focus_rows:,}")
    mapping = other.seconds - other.load_seconds
    others = [f"{other.load_seconds:.1f} s", f"{mapping:.1f} s", "none", "none"]
    table.add_row("dlt and SQL", *others, f"{other.seconds:.1f} s", f"{other.cpu_seconds:.1f}", f"{other.rows:,}")
    console.print(table)
    console.print(f"The executor used {own.executor_cpu:.1f} s of Convergence's CPU, the local BigQuery the rest")
    console.print(f"Convergence bills {own.billed}, dlt and SQL {other.billed}")
    console.print(
        f"time of the step focus / time of the plain statement: {own.steps['focus'] / mapping:.2f} (no bound)"
    )
    console.print(f"time of the whole run / time of dlt and SQL: {own.seconds / other.seconds:.2f} (no bound)")
    return Goal("CPU of the whole run / CPU of dlt and SQL", own_cpu / other.cpu_seconds, MAX_CPU_RATIO, at_least=False)


def main(arguments: list[str] | None = None) -> int:
    """Print the table and the ratios; returns 1 if the bound does not hold or the sums differ."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.focus_mapping", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--rows", type=int, default=ROWS, help="rows of the export (default: %(default)s)")
    asked = parser.parse_args(arguments)
    if not PYTHON.exists():
        parser.error("dlt's environment is missing; `make bench` makes it")
    console = Console(width=120)
    copies = max(1, round(asked.rows / (SEED.days * SEED.rows_per_day)))
    with bench() as platform, console.status("") as status:
        status.update(f"an export of {asked.rows:,} rows")
        tenant = platform.tenant(copies)
        file = platform.write_parquet(tenant, copies)
        status.update("the product")
        own = product(platform, tenant)
        status.update("dlt and SQL")
        other = contender(file, platform.folder / "other")
    goal = shown(own, other, console)
    console.print(str(goal))
    return 0 if goal.holds and Decimal(own.billed) == Decimal(other.billed) else 1


if __name__ == "__main__":
    sys.exit(main())
