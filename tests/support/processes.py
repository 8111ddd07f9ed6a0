"""Finds the processes that a test has left behind."""

from __future__ import annotations

from pathlib import Path


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
