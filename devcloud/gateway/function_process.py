"""The process of a function. The first request starts it, and a later one starts it again after it has died."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from devcloud.gateway.instances import PROJECT_ROOT, ForkFailed, Instance, fork_server

_COLD_START_SECONDS = 90.0
_STOP_SECONDS = 1.0
_DEATH_SECONDS = 2.0


class StartFailed(Exception):
    """The function's process ended, or stayed silent, before it announced its port."""


class FunctionProcess:
    """One function's instance, thread-safe. `environment` is called at each start."""

    def __init__(
        self, name: str, environment: Callable[[], Mapping[str, str]], *, log_path: Path, source: Path | None = None
    ) -> None:
        self._name, self._environment, self._log_path = name, environment, log_path
        self._source = source or PROJECT_ROOT / "functions" / name / "main.py"
        self._lock = threading.Lock()
        self._instance: Instance | None = None
        self._port = 0
        self._stopped = False

    @property
    def state(self) -> str:
        """`cold` (not started yet, or died) or `running`."""
        return "running" if self._port and self.pid is not None else "cold"

    @property
    def pid(self) -> int | None:
        """The id of the live process; None if there is none."""
        instance = self._instance
        return None if instance is None or instance.await_end(0) else instance.pid

    def ensure_started(self) -> int:
        """The port of the live process, started if there is none; raises StartFailed with the end of its log."""
        with self._lock:
            if self._stopped:
                raise StartFailed(f"{self._name}: devcloud is stopping")
            if self.pid is None:
                self._discard()
                self._port = self._start()
            return self._port

    def await_death(self) -> None:
        """After a failed connection, wait for the process to end. A dying process first closes its sockets."""
        if instance := self._instance:
            instance.await_end(_DEATH_SECONDS)  # if it lives on, the failure has another reason

    def kill(self) -> int | None:
        """Send SIGKILL, as if the instance were lost; returns its pid, None if it was not running."""
        with self._lock:
            if self._instance is None or self.pid is None:
                return None
            self._instance.send_signal(signal.SIGKILL)
            self._instance.await_end(None)
            return self._instance.pid

    def stop(self) -> None:
        """End the process and start no other."""
        self._stopped = True
        if instance := self._instance:  # without the lock, so that a start under way ends too
            instance.send_signal(signal.SIGTERM)
        with self._lock:
            self._discard()

    def _start(self) -> int:
        self._log_path.parent.mkdir(parents=True, exist_ok=True)
        with self._log_path.open("ab") as log:
            log_start = log.tell()
            try:
                self._instance = fork_server().fork(self._name, self._source, self._environment(), log)
            except ForkFailed as error:
                raise StartFailed(f"{self._name} did not start: {error}") from error
        announced = self._instance.await_announcement(_COLD_START_SECONDS)
        if not announced:
            self._discard()
            raise StartFailed(f"{self._name} did not start; {self._log_path} says: {self._log_tail(log_start)}")
        return int(announced)

    def _log_tail(self, log_start: int) -> str:
        with self._log_path.open("rb") as log:
            log.seek(max(log_start, log.seek(0, os.SEEK_END) - 2000))
            return log.read().decode(errors="replace").strip() or "nothing"

    def _discard(self) -> None:
        """Make sure the process is gone and its pipes are closed."""
        instance, self._instance, self._port = self._instance, None, 0
        if instance is None:
            return
        if not instance.await_end(_STOP_SECONDS if self._stopped else 0):
            instance.send_signal(signal.SIGKILL)
            instance.await_end(None)
        instance.close()
