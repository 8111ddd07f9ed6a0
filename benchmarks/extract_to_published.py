"""Measures a run of a million rows, compared with other ways to load the same rows.

The ways run on this machine, one after the other, each in its own process:

- DuckDB's COPY of a Parquet file with the rows into a table; nothing can be faster;
- dlt into DuckDB, from Arrow tables and from Python dicts;
- the plain way: it reads rows as Python dicts and appends them with insertAll, on the same devcloud;
- the product: gcp/cost/billing without its mapping to FOCUS, from the start of the process to the publish.

devcloud stands in for BigQuery and works on the same cores. It freezes the export, streams it, loads staging, checks
and publishes. Each of these steps reads or writes all rows; the other ways write them once. So two figures are shown:
the whole run, and the CPU of the executor alone, for which a function is billed. CPU seconds are those of the way's own
process. For dlt and COPY they include the load, because DuckDB runs in that process.

The bounds, in rows per second of the executor's own CPU: 1.5 times dlt's Arrow path with a quarter of its memory, and
20 times its dict path.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from google.cloud import bigquery
from rich.console import Console
from rich.table import Table

from benchmarks.parts.executor_run import SEED, Bench, Took, bench
from devcloud.seed_billing.export import load_schema
from tests.support.tenant import Tenant

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ROOT / ".venvs" / "bench" / "bin" / "python"
ROWS, DICT_ROWS, PLAIN_ROWS = 1_000_000, 100_000, 20_000
ARROW_RATIO, DICT_RATIO, MEMORY_SHARE = 1.5, 20, 0.25


@dataclass(frozen=True)
class Goal:
    """A ratio and its bound."""

    words: str
    value: float
    bound: float
    at_least: bool = True

    @property
    def holds(self) -> bool:
        """Whether the value keeps its bound."""
        return self.value >= self.bound if self.at_least else self.value <= self.bound

    def __str__(self) -> str:
        sign = "at least" if self.at_least else "at most"
        return f"{self.words}: {self.value:.2f} (goal: {sign} {self.bound}) {'holds' if self.holds else 'MISSED'}"


def contender(way: str, file: Path, folder: Path) -> Took:
    """The cost of one of `benchmarks.parts.contenders`."""
    folder.mkdir()
    script = ROOT / "benchmarks" / "parts" / "contenders.py"
    command = [str(PYTHON), str(script), way, str(file), str(folder)]
    return _took(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def plain_way(platform: Bench, tenant: Tenant, rows: int) -> Took:
    """The cost of the plain way for this number of rows, into a table of the tenant's dataset."""
    cloud = platform.executions.cloud
    target = f"{cloud.project}.{tenant.tenant_id}.plain_cost"
    schema = [bigquery.SchemaField.from_api_repr(field) for field in load_schema()]
    platform.executions.client.create_table(bigquery.Table(target, schema=schema))
    options = {
        "env": cloud.ready["env"],
        "key": tenant.gcp_key,
        "project": tenant.project,
        "source": tenant.export.table,
        "target": target,
        "rows": rows,
    }
    command = [sys.executable, "-m", "benchmarks.parts.plain_way"]
    done = subprocess.run(
        command, input=json.dumps(options) + "\n", capture_output=True, text=True, check=False, cwd=ROOT
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return _took(done.stdout)


def _took(output: str) -> Took:
    return Took(**json.loads(output.splitlines()[-1]))


def measure(rows: int, dict_rows: int, plain_rows: int, console: Console) -> Mapping[str, Took]:
    """The cost of each way, by its name."""
    once = SEED.days * SEED.rows_per_day
    took: dict[str, Took] = {}
    with bench() as platform, console.status("") as status:
        status.update(f"an export of {rows:,} rows")
        tenant = platform.tenant(copies := max(1, round(rows / once)))
        file = platform.write_parquet(tenant, copies)
        small = platform.write_parquet(tenant, max(1, round(dict_rows / once)), name="small")
        status.update("DuckDB COPY")
        took["DuckDB COPY"] = contender("copy", file, platform.folder / "copy")
        status.update("dlt, Arrow")
        took["dlt, Arrow tables"] = contender("dlt-arrow", file, platform.folder / "arrow")
        status.update("dlt, dicts")
        took["dlt, Python dicts"] = contender("dlt-dicts", small, platform.folder / "dicts")
        status.update("the product")
        took["Convergence"] = platform.run(tenant, copies)
        status.update("the plain way")
        took["the plain way"] = plain_way(platform, tenant, plain_rows)
    return took


def goals(took: Mapping[str, Took]) -> list[Goal]:
    """The bounds of the docstring."""
    own, arrow, dicts = took["Convergence"], took["dlt, Arrow tables"], took["dlt, Python dicts"]
    return [
        Goal("rows per CPU second, of dlt's Arrow path", _per_cpu(own) / _per_cpu(arrow), ARROW_RATIO),
        Goal("rows per CPU second, of dlt's dict path", _per_cpu(own) / _per_cpu(dicts), DICT_RATIO),
        Goal("peak memory, of dlt's Arrow path", own.peak_mib / arrow.peak_mib, MEMORY_SHARE, at_least=False),
    ]


def _per_cpu(took: Took) -> float:
    return took.rows / took.cpu_seconds


def main(arguments: list[str] | None = None) -> int:
    """Print the table and the ratios; returns 1 if a bound does not hold."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.extract_to_published", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--rows", type=int, default=ROWS, help="rows of the export (default: %(default)s)")
    parser.add_argument("--dict-rows", type=int, default=DICT_ROWS, help="rows for dlt's dict path")
    parser.add_argument("--plain-rows", type=int, default=PLAIN_ROWS, help="rows for the plain way")
    asked = parser.parse_args(arguments)
    if not PYTHON.exists():
        parser.error("dlt's environment is missing; `make bench` makes it")
    console = Console(width=120)
    took = measure(asked.rows, asked.dict_rows, asked.plain_rows, console)
    table = Table(title="From the rows of an export to a table that has them", title_justify="left", box=None)
    for column in ("", "rows", "seconds", "rows/s", "CPU seconds", "rows/CPU second", "peak memory"):
        table.add_column(column, justify="right" if column else "left")
    for name, one in took.items():
        rates = (f"{one.rows / one.seconds:,.0f}", f"{one.cpu_seconds:.1f}", f"{_per_cpu(one):,.0f}")
        table.add_row(name, f"{one.rows:,}", f"{one.seconds:.1f}", *rates, f"{one.peak_mib:,.0f} MiB")
    console.print(table)
    own, arrow = took["Convergence"], took["dlt, Arrow tables"]
    whole = own.rows / own.seconds / (arrow.rows / arrow.seconds)
    console.print(f"rows/s of the whole run, devcloud's work included, of dlt's Arrow path: {whole:.2f} (no bound)")
    found = goals(took)
    for goal in found:
        console.print(str(goal))
    return 0 if all(goal.holds for goal in found) else 1


if __name__ == "__main__":
    sys.exit(main())
