"""Measures a run over a Cost and Usage Report of a million rows, compared with other ways to load the same files.

The ways run on this machine, one after the other, each in its own process, for CSV with gzip and for Parquet:

- DuckDB's own read_csv or read_parquet into a table; nothing can be faster;
- dlt's filesystem source into DuckDB, with the readers that hand on Arrow tables, its fastest ones;
- the product: aws/cost/billing without its mapping to FOCUS, from the start of the process to the publish.

The product downloads the files from a local S3 by HTTP, converts every value, adds up what the rows bill, and uploads
them to a local BigQuery, where they are checked and published. The other ways read the files from the disk, and check
nothing. CPU seconds are those of the way's process: for DuckDB and dlt with the load, because DuckDB runs in it.

The product must load 1.5 times as many rows per CPU second as dlt, with a quarter of dlt's memory.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path
from tempfile import mkdtemp

from rich.console import Console
from rich.table import Table

from benchmarks.extract_to_published import MEMORY_SHARE, PYTHON, ROOT, Goal
from benchmarks.parts.cost_report import SOURCE, CostReport, Format
from benchmarks.parts.executor_run import Bench, Took, bench
from devcloud.onboarding import onboard
from tests.support.tenant import Api, Tenant

ROWS, FILES, CPU_RATIO = 1_000_000, 4, 1.5
FORMATS: Mapping[Format, str] = {"csv.gz": "CSV with gzip", "parquet": "Parquet"}


def new_tenant(platform: Bench, report: CostReport) -> Tenant:
    """A tenant whose credential names the report's bucket."""
    cloud = platform.executions.cloud
    onboarded = onboard(platform.executions.client, f"tenant_{uuid.uuid4().hex[:12]}")
    tenant = Tenant(cloud, onboarded.tenant_id, onboarded.api_key, project="none")
    api = Api(cloud.ready["gateway"], tenant.api_key)
    answer = api.post(f"/api/v1/tenants/{tenant.tenant_id}/credentials", report.credentials)
    if not answer.ok:
        raise RuntimeError(answer.text)
    return tenant


def product(platform: Bench, report: CostReport, *, most_bytes: int | None = None) -> Took:
    """Load the report in a fresh executor process, which cannot allocate more than `most_bytes`; return the cost."""
    tenant = new_tenant(platform, report)
    task = platform.executions.admit(tenant, {}, source=SOURCE, lease_seconds=3000)
    module = "benchmarks.parts.export_only"
    took = platform.executor(task, module, "aws/cost/billing", most_bytes=most_bytes)
    (found,) = platform.executions.query(f"SELECT COUNT(*) AS n FROM {tenant.tenant_id}.aws_cost_billing")
    return Took(int(found["n"]), **took)


def contender(way: str, report: CostReport, kind: Format, folder: Path) -> Took:
    """Load with a way of `benchmarks.parts.file_contenders`, from files with AWS's names; return the cost."""
    files = Path(mkdtemp(dir=folder))
    for number, file in enumerate(report.files()):
        (files / f"cur2-{number + 1:05d}.{kind}").hardlink_to(file)
    script = ROOT / "benchmarks" / "parts" / "file_contenders.py"
    command = [str(PYTHON), str(script), way, mkdtemp(dir=folder), *map(str, sorted(files.iterdir()))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return Took(**json.loads(done.stdout.splitlines()[-1]))


def measure(platform: Bench, kind: Format, rows: int) -> Mapping[str, Took]:
    """Load a new report of this format in each way; return the costs by the ways' names."""
    report = CostReport(platform.executions.cloud.state.path)
    wanted = report.deliver(kind, rows=rows, files=FILES)
    took = {
        "DuckDB alone": contender("duckdb", report, kind, platform.folder),
        "dlt, Arrow tables": contender("dlt", report, kind, platform.folder),
        "Convergence": product(platform, report),
    }
    for name, one in took.items():
        if one.rows != wanted:
            raise AssertionError(f"{name} has {one.rows} rows of {kind}, not {wanted}")
    return took


def goals(took: Mapping[str, Took], words: str) -> list[Goal]:
    """The bounds that the docstring of this module names."""
    own, other = took["Convergence"], took["dlt, Arrow tables"]
    return [
        Goal(f"{words}: rows per CPU second, of dlt's", per_cpu(own) / per_cpu(other), CPU_RATIO),
        Goal(f"{words}: peak memory, of dlt's", own.peak_mib / other.peak_mib, MEMORY_SHARE, at_least=False),
    ]


def per_cpu(took: Took) -> float:
    """Rows per second of CPU."""
    return took.rows / took.cpu_seconds


def main(arguments: list[str] | None = None) -> int:
    """Print a table for each format and the ratios; returns 1 if a bound does not hold."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.billing_files", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--rows", type=int, default=ROWS, help="rows of the report (default: %(default)s)")
    parser.add_argument("--format", choices=FORMATS, action="append", help="only this format; may be repeated")
    asked = parser.parse_args(arguments)
    if not PYTHON.exists():
        parser.error("dlt's environment is missing; `make bench` makes it")
    console, found = Console(width=120), list[Goal]()
    for kind in asked.format or FORMATS:
        with bench() as platform, console.status(FORMATS[kind]):
            took = measure(platform, kind, asked.rows)
        table = Table(title=f"From {FORMATS[kind]} to a table", title_justify="left", box=None)
        for column in ("", "rows", "seconds", "CPU seconds", "rows/CPU second", "peak memory"):
            table.add_column(column, justify="right" if column else "left")
        for name, one in took.items():
            figures = (f"{one.seconds:.1f}", f"{one.cpu_seconds:.1f}", f"{per_cpu(one):,.0f}")
            table.add_row(name, f"{one.rows:,}", *figures, f"{one.peak_mib:,.0f} MiB")
        console.print(table)
        limit = per_cpu(took["Convergence"]) / per_cpu(took["DuckDB alone"])
        console.print(f"{FORMATS[kind]}: rows per CPU second, of DuckDB's alone: {limit:.2f} (no bound)")
        found += goals(took, FORMATS[kind])
    for goal in found:
        console.print(str(goal))
    return 0 if all(goal.holds for goal in found) else 1


if __name__ == "__main__":
    sys.exit(main())
