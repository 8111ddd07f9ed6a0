"""The demo, as `make demo` runs it: a process of its own, judged by what it prints and what it leaves."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


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


def test_the_demo_publishes_what_the_exports_add_up_to_and_leaves_nothing_behind(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path), "COLUMNS": "120"}
    done = subprocess.run(
        [sys.executable, "-m", "devcloud", "demo"],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("equal to the last digit") == 3
    assert done.stdout.count("FOCUS 1.2 has the same total; by ServiceCategory: ") == 3
    assert "The table is the same" in done.stdout
    assert "no run has published yet: 10 Nov." in done.stdout
    assert "devcloud jobs" not in done.stdout  # there is nobody left to ask
    assert list(tmp_path.iterdir()) == []
    assert processes_that_name(tmp_path) == []
