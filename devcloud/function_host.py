"""Hosts functions as Cloud Run does: each instance is a process with a functions-framework app on a port.

    python -m devcloud.function_host    (the gateway starts it and sends requests through standard input)

The libraries of functions are imported once. Each request then forks an instance. The instance takes the environment,
the log and the pipes of the request, imports the function, and announces its port. It ends when its standard input
closes, so that no function survives devcloud, even if devcloud is killed. See docs/adr/0006.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import threading
from dataclasses import dataclass, field
from typing import Any

import functions_framework

from devcloud.http_server import HttpServer

Json = dict[str, Any]

# Before the fork only modules are imported, because a client, a channel or a thread would not survive it. Modules of
# the product are imported after it, so that each instance reads its own source in its own environment.
LIBRARIES = (
    "google.auth.impersonated_credentials",
    "google.auth.transport.requests",
    "google.cloud.bigquery",
    "google.cloud.bigquery_storage",
    "google.cloud.kms",
    "google.cloud.secretmanager",
    "google.cloud.tasks_v2",
    "google.resumable_media.requests",
    "pyarrow.compute",
    "pyarrow.parquet",
    "pydantic_settings",
    "yaml",
)
_REQUEST_BYTES = 65536
_DESCRIPTORS = 4


@dataclass(frozen=True)
class Request:
    """The description of an instance. The server keeps `gone` and closes it when the instance has ended."""

    function: str
    source: str
    environment: dict[str, str]
    stdin: int
    announcement: int
    log: int
    gone: int


@dataclass
class Forks:
    """Takes requests from `server` and forks an instance for each."""

    server: socket.socket
    gone: dict[int, int] = field(default_factory=dict)  # by pid

    def next_instance(self) -> Request | None:
        """Serve requests. Returns the description in each new instance, and None in the server after devcloud's end."""
        woken, wake = os.pipe()
        os.set_blocking(wake, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake)
        while True:
            ready, _, _ = select.select([self.server.fileno(), woken], [], [])
            if woken in ready:
                os.read(woken, _REQUEST_BYTES)
                self._reap()
            if self.server.fileno() in ready:
                request = self._receive()
                if request is None:
                    return None
                if not self._fork(request):
                    return request

    def _receive(self) -> Request | None:
        text, descriptors, _, _ = socket.recv_fds(self.server, _REQUEST_BYTES, _DESCRIPTORS)
        while text and not text.endswith(b"\n"):
            text += self.server.recv(_REQUEST_BYTES)
        return Request(*json.loads(text), *descriptors) if text else None

    def _fork(self, request: Request) -> int:
        pid = os.fork()
        if pid:
            self.gone[pid] = request.gone
            for descriptor in (request.stdin, request.announcement, request.log):
                os.close(descriptor)
            self.server.sendall(f"{pid}\n".encode())
            return pid
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for descriptor in (request.gone, *self.gone.values()):
            os.close(descriptor)
        self.server.close()
        return 0

    def _reap(self) -> None:
        for pid in list(self.gone):
            if os.waitpid(pid, os.WNOHANG)[0]:
                os.close(self.gone.pop(pid))


def main() -> None:
    """Serve forks until standard input closes. An instance serves until its own input closes."""
    for library in LIBRARIES:
        importlib.import_module(library)
    gc.freeze()  # the collector must not touch the objects that all instances share
    request = Forks(socket.socket(fileno=os.dup(sys.stdin.fileno()))).next_instance()
    if request is not None:
        _become(request)
        _host(request)


def _become(request: Request) -> None:
    """Take the session, environment, pipes and log of an instance. All output goes to the log."""
    os.setsid()
    for descriptor, standard in ((request.stdin, 0), (request.log, 1), (request.log, 2)):
        os.dup2(descriptor, standard)
    os.close(request.stdin)
    os.close(request.log)
    sys.stdout = sys.stderr  # written line by line, so that the log has the last lines of a killed instance
    os.environ.clear()
    os.environ.update(request.environment)


def _host(request: Request) -> None:
    threading.Thread(target=_end_with_parent, name="parent-watch", daemon=True).start()
    app = functions_framework.create_app(request.function, request.source)  # type: ignore[no-untyped-call]
    server = HttpServer(app, name=request.function)
    server.start()
    os.write(request.announcement, f"{server.port}\n".encode())
    os.close(request.announcement)
    threading.Event().wait()


def _end_with_parent() -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    # sys.exit would wait for threads. An instance ends at once, as on Cloud Run.
    os._exit(0)


if __name__ == "__main__":
    main()
