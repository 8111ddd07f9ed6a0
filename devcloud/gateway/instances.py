"""Starts the processes of functions through a fork server, devcloud/function_host.py."""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import IO

from devcloud.environment import inherited_environment

PROJECT_ROOT = Path(__file__).resolve().parents[2]
_FORK_SECONDS = 60.0  # the first one waits for the imports
_STOP_SECONDS = 5.0
# pyarrow's own allocator starts a thread, and a process with threads should not fork.
_NO_THREADS = {"JE_ARROW_MALLOC_CONF": "background_thread:false"}


class ForkFailed(Exception):
    """The fork server ended or did not answer when it was asked for an instance."""


class Instance:
    """A function's process. It ends if it is killed, or if `close_input` or this process's death ends its input."""

    def __init__(self, pid: int, *, input_end: int, announcement: int, gone: int) -> None:
        self.pid = pid
        self._input = os.fdopen(input_end, "wb", 0)
        self._announcement, self._gone = os.fdopen(announcement, "rb"), os.fdopen(gone, "rb")
        self._has_ended = False

    def await_end(self, timeout_seconds: float | None) -> bool:
        """Wait up to the timeout for the process to end; returns whether it has ended and its pid is free."""
        if not self._has_ended:
            self._has_ended = _is_readable(self._gone, timeout_seconds)
        return self._has_ended

    def await_announcement(self, timeout_seconds: float) -> bytes:
        """The line that it wrote when it was ready; empty if it ended or wrote nothing in time."""
        return self._announcement.readline().strip() if _is_readable(self._announcement, timeout_seconds) else b""

    def send_signal(self, number: signal.Signals) -> None:
        """Signal it, unless it is gone."""
        if not self.await_end(0):
            os.kill(self.pid, number)

    def close_input(self) -> None:
        """Close the instance's input, as the death of this process would."""
        self._input.close()

    def close(self) -> None:
        """Close the pipes of a process that is gone."""
        for pipe in (self._input, self._announcement, self._gone):
            pipe.close()


class ForkServer:
    """The fork server and the socket for requests to it; thread-safe. It ends with this process in any case."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None

    def start(self) -> None:
        """Start the imports unless they have started; does not wait for them."""
        with self._lock:
            self._running()

    def fork(self, function: str, source: Path, environment: Mapping[str, str], log: IO[bytes]) -> Instance:
        """A new process that is about to host the function; raises ForkFailed if there is none."""
        text = json.dumps([function, str(source), dict(environment)]).encode() + b"\n"
        (its_input, input_end), (announcement, its_announcement), (gone, its_gone) = os.pipe(), os.pipe(), os.pipe()
        given = [its_input, its_announcement, log.fileno(), its_gone]
        try:
            pid = self._ask(text, given)
        except (OSError, ValueError) as error:
            for end in (input_end, announcement, gone):
                os.close(end)
            raise ForkFailed(f"the fork server did not answer: {error}") from error
        finally:
            for end in (its_input, its_announcement, its_gone):
                os.close(end)
        return Instance(pid, input_end=input_end, announcement=announcement, gone=gone)

    def stop(self) -> None:
        """End the server; a later `fork` starts another."""
        with self._lock:
            if self._process is None or self._socket is None:
                return
            self._socket.close()
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = self._socket = None

    def _ask(self, text: bytes, given: list[int]) -> int:
        with self._lock:
            server = self._running()
            sent = socket.send_fds(server, [text], given)
            server.sendall(text[sent:])
            return int(server.recv(64))  # if the server has ended this is empty: ValueError

    def _running(self) -> socket.socket:
        if self._socket is not None and self._process is not None and self._process.poll() is None:
            return self._socket
        if self._socket is not None:
            self._socket.close()
        self._socket, its_end = socket.socketpair()
        self._socket.settimeout(_FORK_SECONDS)
        with its_end:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "devcloud.function_host"],
                stdin=its_end.fileno(),
                stdout=subprocess.DEVNULL,
                env=inherited_environment() | _NO_THREADS,
                cwd=PROJECT_ROOT,
                start_new_session=True,  # Ctrl-C in the terminal is devcloud's to handle
            )
        return self._socket


@cache
def fork_server() -> ForkServer:
    """The fork server of this process; all clouds and functions share it, so its imports happen once."""
    server = ForkServer()
    atexit.register(server.stop)
    return server


def _is_readable(pipe: IO[bytes], timeout_seconds: float | None) -> bool:
    return bool(select.select([pipe], [], [], timeout_seconds)[0])
