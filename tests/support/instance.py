"""Runs an instance of a function in a process that a test may freeze or kill."""

from __future__ import annotations

import os
import signal

from devcloud.gateway.function_process import FunctionProcess


class Instance:
    """One more instance of a function, beside the gateway's."""

    def __init__(self, process: FunctionProcess) -> None:
        self._process = process
        self.url = f"http://127.0.0.1:{process.ensure_started()}"

    def signal(self, number: signal.Signals) -> None:
        """Send its process a signal."""
        os.kill(self._pid(), number)

    def stop(self) -> None:
        """End its process, even if it is frozen."""
        if self._process.pid is not None:
            self.signal(signal.SIGCONT)
        self._process.stop()

    def _pid(self) -> int:
        pid = self._process.pid
        assert pid is not None
        return pid
