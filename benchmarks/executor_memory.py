"""Measures the peak memory of a fresh executor process for exports of 100 thousand, 1 million and 5 million rows.

Each size runs in its own process on one devcloud, from claim to publish. The FOCUS mapping is left out, because
BigQuery runs it. The figure is the peak memory of the process. The bound: the largest peak is at most 1.3 times the
smallest.
"""

from __future__ import annotations

import argparse
import sys

from rich.console import Console
from rich.table import Table

from benchmarks.parts.executor_run import SEED, bench

SIZES = (100_000, 1_000_000, 5_000_000)
AT_MOST = 1.3


def main(arguments: list[str] | None = None) -> int:
    """Print the table; returns 1 if the bound does not hold."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.executor_memory", description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=SIZES, help="sizes of the exports, in rows")
    sizes = parser.parse_args(arguments).rows
    table = Table(title="One run each, in a fresh executor process", title_justify="left", box=None)
    for column in ("rows", "seconds", "executor CPU", "peak memory", "of the least"):
        table.add_column(column, justify="right")
    took = []
    with bench() as platform, Console().status("") as status:
        for size in sizes:
            copies = max(1, round(size / (SEED.days * SEED.rows_per_day)))
            status.update(f"an export of {size:,} rows")
            tenant = platform.tenant(copies)
            took.append(platform.run(tenant, copies))
            with platform.executions.cloud.clients(tenant.gcp_key) as clients:
                clients.bigquery().delete_table(tenant.export.table)
    least = min(one.peak_mib for one in took)
    for one in took:
        cells = (f"{one.rows:,}", f"{one.seconds:.1f}", f"{one.cpu_seconds:.1f} s", f"{one.peak_mib:.0f} MiB")
        table.add_row(*cells, f"{one.peak_mib / least:.2f}")
    Console().print(table)
    return 0 if max(one.peak_mib for one in took) <= AT_MOST * least else 1


if __name__ == "__main__":
    sys.exit(main())
