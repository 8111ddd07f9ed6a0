"""Measures how long callers wait when each statement takes as long as on BigQuery, before and now.

devcloud gives every statement a latency (`--latencies`); the time that DuckDB needs comes on top. The figures are
measured one after the other, with the median recorded on BigQuery (0.67 s for every statement) and with latencies drawn
from the recorded ones; on this checkout, and on the commit before publishes took turns and scripts became shorter:

- the answer to POST run, the application of a decision, and a run alone from the POST to its end: medians;
- as many runs of one tenant over as many exports as are asked for at once, as schedules of one hour do: until the last
  has ended, how many attempts they took, and which share of their transactions BigQuery aborted;
- a tenant's run while another tenant's queue is full of backfills, and after those were cancelled;
- what BigQuery bills for a POST run with a key that nobody has.

The goals, at the median: POST run 2.5 s, a decision 5 s, a run alone 20 s; runs at once end within 1.2 times the sum
of their publishes plus a run alone, no attempt is lost, and under 5 % of transactions abort; another tenant's flood
doubles a run's time at most; a million guesses bill less than 1 GiB.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.table import Table

Json = dict[str, Any]
ROOT = Path(__file__).resolve().parents[1]
PROBE, LATENCIES = ROOT / "benchmarks/parts/pace_probe.py", ROOT / "devcloud/bigquery/latencies.py"
BEFORE = "122949d"
POST_SECONDS, APPLY_SECONDS, ALONE_SECONDS = 2.5, 5.0, 20.0
SLACK, ABORTED_SHARE = 1.2, 0.05
FLOOD_FACTOR, MILLION_GUESSES_MIB = 2.0, 1024
MEDIAN = 0  # the seed for which every statement takes as long as half of the recorded ones did at most


def measured(checkout: Path, *, seed: int, runs: int, alone: int) -> Json:
    """The figures of a checkout, in a process of its own."""
    command = [sys.executable, str(PROBE), str(LATENCIES), str(seed), str(runs), str(alone)]
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    done = subprocess.run(command, cwd=checkout, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    figures: Json = json.loads(done.stdout.splitlines()[-1])
    return figures


def check_out(commit: str, folder: Path) -> Path:
    """The files of a commit."""
    archive = folder / "commit.tar"
    with archive.open("wb") as file:
        subprocess.run(["git", "archive", commit], cwd=ROOT, stdout=file, check=True)  # noqa: S607 - the user's git
    with tarfile.open(archive) as files:
        files.extractall(folder / "checkout", filter="data")
    return folder / "checkout"


def bound(figures: Json) -> float:
    """When runs at once are to have ended."""
    return float(SLACK * figures["publishes"] + figures["alone"])


def rows(figures: Json) -> list[str]:
    """A column of the table."""
    return [
        f"{figures['post']:.1f} s",
        f"{figures['apply']:.1f} s",
        f"{figures['alone']:.1f} s",
        f"{figures['last_end']:.0f} s",
        f"{figures['publishes']:.0f} s",
        f"{figures['attempts']} for {figures['runs']} runs, {figures['failed']} failed",
        f"{figures['aborted']} of {figures['transactions']}",
        f"{figures['calm']:.1f} s",
        f"{figures['flooded']:.1f} s",
        f"{figures['cancelled']:.1f} s",
        f"{figures['guess_mib'] * 1e6 / 1024:,.0f} GiB",
    ]


def missed(figures: Json) -> list[str]:
    """The goals that were not reached."""
    goals = {
        "POST run": figures["post"] <= POST_SECONDS,
        "a decision": figures["apply"] <= APPLY_SECONDS,
        "a run alone": figures["alone"] <= ALONE_SECONDS,
        "runs at once": figures["last_end"] <= bound(figures),
        "attempts": figures["attempts"] == figures["runs"] and not figures["failed"],
        "aborted": figures["aborted"] < ABORTED_SHARE * figures["transactions"],
        "flood": max(figures["flooded"], figures["cancelled"]) <= FLOOD_FACTOR * figures["calm"],
        "guesses": figures["guess_mib"] * 1e6 <= MILLION_GUESSES_MIB,
    }
    return [name for name, is_reached in goals.items() if not is_reached]


def main() -> int:
    """Print the table; 1 when a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.real_pace", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--before", default=BEFORE, metavar="COMMIT", help="measured first (default: %(default)s)")
    parser.add_argument("--only-after", action="store_true", help="measure this checkout alone")
    parser.add_argument("--runs", type=int, default=12, help="at once (default: %(default)s)")
    parser.add_argument("--alone", type=int, default=5, choices=range(1, 9), help="one by one (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the latencies (default: %(default)s)")
    options = parser.parse_args()
    counts = {"runs": options.runs, "alone": options.alone}
    columns: dict[str, Json] = {}
    with TemporaryDirectory(prefix="real-pace-before-") as folder:
        if not options.only_after:
            before = check_out(options.before, Path(folder))
            columns[f"{options.before}, drawn"] = measured(before, seed=options.seed, **counts)
            columns[f"{options.before}, median"] = measured(before, seed=MEDIAN, **counts)
    columns["now, drawn"] = measured(ROOT, seed=options.seed, **counts)
    after = columns["now, median"] = measured(ROOT, seed=MEDIAN, **counts)
    table = Table(title="Real pace, at BigQuery's recorded latencies", title_justify="left", box=None)
    goals = [
        f"{POST_SECONDS} s",
        f"{APPLY_SECONDS} s",
        f"{ALONE_SECONDS} s",
        f"{bound(after):.0f} s",
        "",
        "one each",
        "under 5 %",
        "",
        *[f"{FLOOD_FACTOR * after['calm']:.1f} s"] * 2,
        "1 GiB",
    ]
    names = [
        "POST run answers after", "a decision is applied in", "one run alone ends after",
        f"{options.runs} runs at once end after", "their publishes take together", "attempts", "transactions aborted",
        "another tenant's run, calm", "while a queue is full", "after that was cancelled", "a million guesses bill",
    ]  # fmt: skip
    for column in ("", *columns, "goal"):
        table.add_column(column, justify="right" if column else "left")
    for line in zip(names, *map(rows, columns.values()), goals, strict=True):
        table.add_row(*line)
    Console(width=120).print(table)
    for name in missed(after):
        print(f"goal missed: {name}", file=sys.stderr)
    return 1 if missed(after) else 0


if __name__ == "__main__":
    sys.exit(main())
