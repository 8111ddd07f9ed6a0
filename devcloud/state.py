"""The state directory, with the process that holds it, the process's addresses, and the ports to use again."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from devcloud.errors import UserError
from devcloud.invocation import command, shell_word

Json = dict[str, Any]


class StateError(UserError):
    """The state directory is not in the state the command needs; the message says what to do."""


class StateDir:
    """A directory that at most one running devcloud holds.

    The kernel keeps the lock, so it ends with the process, even if that is killed. devcloud.json has only the facts
    about the process that other commands need.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self._lock: IO[str] | None = None

    def acquire(self) -> None:
        """Hold the directory until `release`; raises StateError if another devcloud does."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (self.path / "lock").open("a")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise StateError(f"a devcloud is running on {self.path} already{self._who()}") from None
        self._lock = lock
        self._ready_file.unlink(missing_ok=True)  # left by a killed devcloud

    def release(self) -> None:
        """Release the directory; safe to call twice."""
        if self._lock is None:
            return
        self._ready_file.unlink(missing_ok=True)
        self._lock.close()
        self._lock = None

    def announce(self, ready: Json) -> None:
        """Write the addresses of the running devcloud for other commands."""
        self._write(self._ready_file, ready | {"pid": os.getpid()})

    def require_announced(self) -> Json:
        """The announcement of the running devcloud; raises StateError if there is none."""
        if not self._ready_file.exists():
            raise StateError(f"no devcloud is running on {self.path}; {self.hint}")
        return self._read(self._ready_file)

    @property
    def hint(self) -> str:
        """The advice if no devcloud is running."""
        return f"start one with: {command()} up --state-dir {shell_word(self.path)}"

    def kept_ports(self) -> dict[str, int]:
        """The ports of the last start by service; empty at the first start.

        Tasks and schedules from before a restart contain the gateway's port. A developer's shell may use any of them.
        """
        return self._read(self._port_file) if self._port_file.exists() else {}

    def keep_ports(self, addresses: Mapping[str, str]) -> None:
        """Use the ports of these addresses again next time."""
        ports = {name: int(address.rpartition(":")[2]) for name, address in addresses.items()}
        self._write(self._port_file, self.kept_ports() | ports)

    @property
    def _ready_file(self) -> Path:
        return self.path / "devcloud.json"

    @property
    def _port_file(self) -> Path:
        return self.path / "port.json"

    def _who(self) -> str:
        return f" (pid {self._read(self._ready_file)['pid']})" if self._ready_file.exists() else ""

    def _read(self, path: Path) -> Json:
        content: Json = json.loads(path.read_text(encoding="utf-8"))
        return content

    def _write(self, path: Path, content: Json) -> None:
        partial = path.with_suffix(".partial")
        partial.touch(mode=0o600)
        partial.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        partial.replace(path)
