"""Measures the memory of a run over one object that is larger than the memory.

An executor process loads a Cost and Usage Report of one file with aws/cost/billing, from the start of the process to
the publish, without the mapping to FOCUS: as plain CSV or, if asked, as Parquet, which has seven times as many rows in
a gigabyte. The process may have at most 512 MiB of private memory: the kernel refuses more (RLIMIT_DATA), so that a run
that held the whole object would fail. A report of an eighth of the size is loaded before.

The peak of resident memory must be at most 512 MiB, and at most 1.3 times the peak for the small object.
`--gigabytes 2` takes an object of four times the memory.
"""

from __future__ import annotations

import argparse
import sys

from rich.console import Console
from rich.table import Table

from benchmarks.billing_files import product
from benchmarks.extract_to_published import Goal
from benchmarks.parts.cost_report import CostReport, Format
from benchmarks.parts.executor_run import bench

GIGABYTES, MOST_MIB, GROWTH, SHARE = 0.6, 512, 1.3, 8
FORMATS: tuple[Format, ...] = ("csv", "parquet")


def main(arguments: list[str] | None = None) -> int:
    """Print the table and the bounds; returns 1 if one does not hold."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.large_object", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--gigabytes", type=float, default=GIGABYTES, help="size of the object (default: %(default)s)")
    parser.add_argument("--format", choices=FORMATS, action="append", help="the format (default: csv); may be repeated")
    asked = parser.parse_args(arguments)
    table = Table(title=f"One object, at most {MOST_MIB} MiB of memory", title_justify="left", box=None)
    for column in ("format", "object", "rows", "seconds", "executor CPU", "peak memory"):
        table.add_column(column, justify="right" if column != "format" else "left")
    goals = []
    for kind in asked.format or FORMATS[:1]:
        peaks = []
        for share in (SHARE, 1):
            with bench() as platform, Console().status(f"{kind}, 1/{share}"):
                report = CostReport(platform.executions.cloud.state.path)
                wanted = report.deliver(kind, size=round(asked.gigabytes * 1e9 / share))
                (file,) = report.files()
                size = file.stat().st_size
                took = product(platform, report, most_bytes=MOST_MIB * 1024 * 1024)
            if took.rows != wanted:
                raise AssertionError(f"{took.rows} rows of {kind} were published, not {wanted}")
            figures = (f"{took.rows:,}", f"{took.seconds:.1f}", f"{took.cpu_seconds:.1f} s", f"{took.peak_mib:.0f} MiB")
            table.add_row(kind, f"{size / 1e9:.2f} GB", *figures)
            peaks.append(took.peak_mib)
        goals.append(Goal(f"{kind}: peak memory in MiB", peaks[-1], MOST_MIB, at_least=False))
        goals.append(Goal(f"{kind}: peak memory, of the small object's", peaks[-1] / peaks[0], GROWTH, at_least=False))
    Console(width=120).print(table)
    for goal in goals:
        print(goal)
    return 0 if all(goal.holds for goal in goals) else 1


if __name__ == "__main__":
    sys.exit(main())
