"""Runs commands of `python -m devcloud` in the test's process, and a cloud of `devcloud up` in another one."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devcloud.cli import main
from devcloud.gateway.instances import PROJECT_ROOT
from tests.support.commands import Said, run
from tests.support.devcloud.handler import PATIENCE_SECONDS

Json = dict[str, Any]
DEVCLOUD = [sys.executable, "-m", "devcloud"]


@dataclass(frozen=True)
class CommandLine:
    """The commands for the cloud of a state directory."""

    state_dir: Path

    def run(self, command: str, *arguments: str) -> Said:
        return run(main, command, "--state-dir", str(self.state_dir), *arguments)

    def json(self, command: str, *arguments: str) -> Any:
        """The JSON output of a successful command."""
        done = self.run(command, *arguments)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@dataclass(frozen=True)
class Served:
    """A cloud in a process of its own, and its ready line."""

    process: subprocess.Popen[str]
    state_dir: Path
    ready: Json

    def end(self, number: signal.Signals) -> int:
        """Send the process a signal; return its exit status."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_SECONDS)


@contextmanager
def up(state_dir: Path) -> Iterator[Served]:
    """Run `devcloud up` on this directory; kill it at the end unless the test has ended it."""
    command = [*DEVCLOUD, "up", "--json", "--state-dir", str(state_dir)]
    with subprocess.Popen(command, cwd=PROJECT_ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield Served(process, state_dir, json.loads(process.stdout.readline()))
        finally:
            process.kill()
