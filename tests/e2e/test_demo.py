"""The demo runs as a process of its own. Tests check its output, the state that it leaves, and its name look-ups."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from devcloud.tls import IAM_CREDENTIALS
from tests.support.alone import Outcome, run_alone, why_not

ROOT = Path(__file__).resolve().parents[2]
LOOK_UP = f"import socket; socket.getaddrinfo({IAM_CREDENTIALS!r}, 443)"


@dataclass(frozen=True)
class Told:
    """The result of the demo, and the folder with its files."""

    outcome: Outcome
    folder: Path


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """One demo for all tests, on a machine without a network if possible."""
    folder = tmp_path_factory.mktemp("demo")
    command, environment = [sys.executable, "-m", "devcloud", "demo"], {**os.environ, "TMPDIR": str(folder)}
    environment["COLUMNS"] = "120"
    if why_not() is None:
        return Told(run_alone(command, environment=environment, timeout_seconds=110), folder)
    done = subprocess.run(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=110,
        check=False,
    )  # fmt: skip
    return Told(Outcome(done.returncode, done.stdout, []), folder)


def processes_that_name(path: Path) -> list[str]:
    """The pids whose environment or command line names `path`, our own child's included while it lives."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
        except OSError:  # it ended while we looked
            continue
        if str(path).encode() in words:
            found.append(process.name)
    return found


def test_the_demo_publishes_the_exports_sums_and_leaves_nothing_behind(demo: Told) -> None:
    told = demo.outcome.output
    assert demo.outcome.returncode == 0, told
    assert told.count("equal to the last digit") == 3
    assert told.count("FOCUS 1.2 has the same total as BilledCost; by ServiceCategory: ") == 3
    assert "The table is the same" in told
    assert "no run has published yet: 10 Nov." in told
    assert "devcloud jobs" not in told  # no process is left that could be asked
    assert list(demo.folder.iterdir()) == []
    assert processes_that_name(demo.folder) == []


def test_the_demo_needs_no_network_and_looks_up_no_name(demo: Told) -> None:
    if reason := why_not():
        pytest.skip(f"no machine without a network can be had here: {reason}")
    assert demo.outcome.returncode == 0, demo.outcome.output
    assert demo.outcome.asked == []
    # The name server would have recorded a look-up.
    assert IAM_CREDENTIALS in run_alone([sys.executable, "-c", LOOK_UP]).asked
