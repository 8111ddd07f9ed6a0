"""The process behind a function: started by its first request, started anew when it has died."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parents[2]
_COLD_START_SECONDS = 90.0
_STOP_SECONDS = 1.0
_DEATH_SECONDS = 2.0


class StartFailed(Exception):
    """The function's process ended, or stayed silent, before it announced its port."""


class FunctionProcess:
    """One function's instance, thread-safe. `environment` is asked for at each start."""

    def __init__(
        self, name: str, environment: Callable[[], Mapping[str, str]], *, log_path: Path, source: Path | None = None
    ) -> None:
        self._name, self._environment, self._log_path, self._source = name, environment, log_path, source
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0
        self._stopped = False

    @property
    def state(self) -> str:
        """`cold` (not started yet, or died) or `running`."""
        process = self._process
        return "running" if self._port and process is not None and process.poll() is None else "cold"

    @property
    def pid(self) -> int | None:
        """The live process's id, None when there is none."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def ensure_started(self) -> int:
        """The port of the live process, started when there is none; StartFailed says what its log says."""
        with self._lock:
            if self._stopped:
                raise StartFailed(f"{self._name}: devcloud is stopping")
            if self._process is None or self._process.poll() is not None:
                self._discard()
                self._port = self._start()
            return self._port

    def await_death(self) -> None:
        """After a connection that failed: a dying process closes its sockets a moment before it is gone."""
        process = self._process
        if process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):  # it lives: the failure had another reason
                process.wait(_DEATH_SECONDS)

    def kill(self) -> int | None:
        """SIGKILL, as an instance that is lost; the pid it had, None when it was not running."""
        with self._lock:
            process = self._process
            if process is None or process.poll() is not None:
                return None
            process.send_signal(signal.SIGKILL)
            process.wait()
            return process.pid

    def stop(self) -> None:
        """End the process for good."""
        self._stopped = True
        process = self._process
        if process is not None:  # without the lock, so that a start under way ends too
            process.terminate()
        with self._lock:
            self._discard()

    def _start(self) -> int:
        self._log_path.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "devcloud.function_host", "--function", self._name]
        if self._source is not None:
            command += ["--source", str(self._source)]
        with self._log_path.open("ab") as log:
            log_start = log.tell()
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=self._environment(),
                cwd=PROJECT_ROOT,
                start_new_session=True,  # Ctrl-C in the terminal is devcloud's to handle
            )
        announced = self._read_announcement(self._process)
        if not announced:
            self._discard()
            raise StartFailed(f"{self._name} did not start; {self._log_path} says: {self._log_tail(log_start)}")
        return int(announced)

    def _read_announcement(self, process: subprocess.Popen[bytes]) -> bytes:
        assert process.stdout is not None  # noqa: S101 - Popen was given PIPE
        ready, _, _ = select.select([process.stdout], [], [], _COLD_START_SECONDS)
        return process.stdout.readline().strip() if ready else b""

    def _log_tail(self, log_start: int) -> str:
        with self._log_path.open("rb") as log:
            log.seek(max(log_start, log.seek(0, os.SEEK_END) - 2000))
            return log.read().decode(errors="replace").strip() or "nothing"

    def _discard(self) -> None:
        """Make sure the process is gone and its pipes are closed."""
        process, self._process, self._port = self._process, None, 0
        if process is None:
            return
        try:
            process.wait(_STOP_SECONDS if self._stopped else 0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
