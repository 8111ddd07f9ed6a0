"""Measures how long callers wait at BigQuery's latencies, and compares it with the goals.

devcloud gives every statement a latency (`--latencies`): the median that was recorded on BigQuery, or with `--seed`
random ones from the record. DuckDB's own time is added to it. Each figure is printed with its goal and verdict as soon
as it is measured. Progress goes to stderr.

- alone: the median time to answer POST run, to apply a decision, and from a POST to the end of its run.
- at-once: one tenant requests runs over several exports together, like schedules of the same hour. The figures are the
  time until the last run has ended, the number of attempts, and the share of transactions that BigQuery aborted.
- flood: a tenant's run while another tenant's queue is full of backfills, and after these were cancelled.
- guesses: what BigQuery bills for POST run with an unknown key.

`--before PATH` also measures an older checkout, a worktree with its own .venv. Each part is measured there just before
it is measured here. A part that takes longer than its share of `--seconds` is ended, and its goals are missed. The time
to set up a cloud and its tenants does not count.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROBE, LATENCIES = ROOT / "benchmarks/parts/pace_probe.py", ROOT / "devcloud/bigquery/jobs/latencies.py"
# Each part's share of the time after its set-up. On a quiet machine a part needs about two thirds of its share.
SHARES = {"alone": 0.25, "at-once": 0.4, "flood": 0.3, "guesses": 0.05}
MAX_SECONDS, START_SECONDS = 240.0, 180.0
TOO_LATE = 75  # the exit status of a probe that was ended
SLACK, ABORTED_PERCENT, FLOOD_FACTOR = 1.2, 5.0, 2.0

Figures = dict[str, float]


@dataclass(frozen=True)
class Figure:
    """A figure; `goal` computes its upper bound from the checkout's other figures."""

    words: str
    unit: str
    goal: Callable[[Figures], float] | None = None


FIGURES = {
    "alone": {
        "post": Figure("POST run answers after", "s", lambda _: 2.5),
        "apply": Figure("a decision is applied in", "s", lambda _: 5.0),
        "alone": Figure("a run alone ends after", "s", lambda _: 20.0),
    },
    "at-once": {
        "one": Figure("one of these runs, alone", "s"),
        "publishes": Figure("their publishes take together", "s"),
        "last_end": Figure("the last of them ends after", "s", lambda known: SLACK * known["publishes"] + known["one"]),
        "attempts": Figure("attempts they took", "", lambda known: known["runs"]),
        "failed": Figure("runs that failed", "", lambda _: 0),
        "aborted": Figure("transactions aborted", "%", lambda _: ABORTED_PERCENT),
    },
    "flood": {
        "calm": Figure("a run while nobody else asks", "s"),
        "flooded": Figure("while another's queue is full", "s", lambda known: FLOOD_FACTOR * known["calm"]),
        "cancelled": Figure("after that was cancelled", "s", lambda known: FLOOD_FACTOR * known["calm"]),
    },
    "guesses": {"guesses": Figure("a million guesses bill", "GiB", lambda _: 1.0)},
}


def main(arguments: list[str] | None = None) -> int:
    """Print the figures; returns 1 if a goal is missed, 2 if a checkout cannot be measured."""
    options = parsed(arguments)
    checkouts = {"before": options.before, "now": ROOT} if options.before else {"now": ROOT}
    for checkout in checkouts.values():
        if not python_of(checkout).exists():
            print(f"{checkout} has no .venv: run make setup there", file=sys.stderr)
            return 2
    is_missed = False
    for part in options.only or SHARES:
        print(f"{part}", flush=True)
        for name, checkout in checkouts.items():
            missed = measure(part, name, checkout, options)
            is_missed |= missed and name == "now"
    return 1 if is_missed else 0


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.real_pace", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--only", metavar="NAME", action="append", choices=SHARES, help=f"of {', '.join(SHARES)}")
    parser.add_argument("--before", type=Path, metavar="PATH", help="an older checkout, measured before this one")
    parser.add_argument("--runs", type=int, default=12, help="at once (default: %(default)s)")
    parser.add_argument("--alone", type=int, default=3, choices=range(1, 9), help="one by one (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of drawn latencies (default: the median each time)")
    parser.add_argument(
        "--seconds", type=float, default=MAX_SECONDS, help="the most for a checkout (default: %(default)s)"
    )
    return parser.parse_args(arguments)


def python_of(checkout: Path) -> Path:
    """The interpreter with that checkout's dependencies."""
    return checkout / ".venv/bin/python"


def measure(part: str, name: str, checkout: Path, options: argparse.Namespace) -> bool:
    """Print the figures of a part, measured in a checkout, as they come; returns whether a goal is missed."""
    limit = SHARES[part] * options.seconds
    known: Figures = {"runs": options.runs}
    missed, wanted = False, dict(FIGURES[part])
    print(f"{part}, {name}: at most {limit:.0f} s", file=sys.stderr)
    for found in probed(part, checkout, options, limit):
        known |= found
        for key in [key for key in FIGURES[part] if key in found]:
            missed |= show(wanted.pop(key), name, known, known[key])
    for figure in wanted.values():
        missed |= show(figure, name, known, None)
    return missed


def show(figure: Figure, name: str, known: Figures, value: float | None) -> bool:
    """Print a figure, which is None if the time was over before; returns whether its goal is missed."""
    shown = "not in time" if value is None else f"{value:,.1f} {figure.unit}".strip()
    line = f"  {figure.words:32}{name:8}{shown:>14}"
    if figure.goal is None:
        print(line, flush=True)
        return False
    try:
        goal = figure.goal(known)
    except KeyError:  # a figure that the goal depends on is missing
        print(f"{line}   missed", flush=True)
        return True
    is_reached = value is not None and value <= goal
    bound = f"goal {goal:,.1f} {figure.unit}".strip()
    print(f"{line}   {bound:16}{'reached' if is_reached else 'missed'}", flush=True)
    return not is_reached


def environment(checkout: Path) -> dict[str, str]:
    """The environment in which Python imports that checkout's packages."""
    return {**os.environ, "PYTHONPATH": str(checkout)}


def probed(part: str, checkout: Path, options: argparse.Namespace, limit: float) -> Iterator[Figures]:
    """The figures of a part, from a process of the checkout. It is ended `limit` seconds after its set-up."""
    numbers = map(str, (options.seed, options.runs, options.alone))
    command = [str(python_of(checkout)), str(PROBE), part, str(LATENCIES), *numbers]
    with subprocess.Popen(command, cwd=checkout, stdout=subprocess.PIPE, text=True, env=environment(checkout)) as child:
        timer = threading.Timer(START_SECONDS, child.terminate)
        timer.start()
        try:
            for line in child.stdout or ():
                if found := json.loads(line):
                    yield found
                    continue
                timer.cancel()  # the set-up is done
                timer = threading.Timer(limit, child.terminate)
                timer.start()
        finally:
            timer.cancel()
            child.terminate()
        if child.wait() not in (0, TOO_LATE, -signal.SIGTERM):
            raise SystemExit(f"{part} could not be measured in {checkout}; see above")


if __name__ == "__main__":
    sys.exit(main())
