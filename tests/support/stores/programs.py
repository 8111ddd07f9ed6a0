"""Starts a program that others wrote, as a server on ports of its own, and ends it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.support.executions import eventually

ENVIRONMENT = Path(__file__).resolve().parents[3] / ".venvs" / "stores"  # make judge-stores makes it


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on."""
    with ExitStack() as opened:
        sockets = [opened.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@contextmanager
def running(
    command: Sequence[str | Path], folder: Path, is_ready: Callable[[str], bool], **variables: str
) -> Iterator[Path]:
    """Start a program in a folder, wait until it is ready, and yield the file with its output.

    `is_ready` gets what it has written so far. It inherits nothing of the developer's environment but the search path.
    """
    output = folder / "output.txt"
    environment: Mapping[str, str] = {"PATH": os.environ["PATH"], "HOME": str(folder), **variables}
    with output.open("wb") as file:
        process = subprocess.Popen(
            list(map(str, command)),
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )

    def is_started() -> bool:
        text = output.read_text(encoding="utf-8", errors="replace")
        assert process.poll() is None, text[-2000:]
        return is_ready(text)

    try:
        eventually(is_started)
        yield output
    finally:
        # It has nothing to keep, and SeaweedFS takes half a minute to end by itself. PyPI's node starts the real one.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
