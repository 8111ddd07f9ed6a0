"""An HTTP endpoint that records its requests and gives the answers that a test sets."""

from __future__ import annotations

import queue
import threading
from collections.abc import Mapping
from dataclasses import dataclass

from werkzeug.wrappers import Request, Response

from devcloud.http_server import HttpServer, HttpService

PATIENCE_SECONDS = 60.0  # the longest wait for an answer that should come at once


@dataclass(frozen=True)
class Received:
    """A request that the handler received."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Handler(HttpService):
    """Answers `statuses` in their order, then 200; while `gate` is closed it keeps every caller waiting.

    `peak` is the most callers it ever had at a time.
    """

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.gate = threading.Event()
        self.gate.set()
        self.peak = 0
        self._under_way, self._lock = 0, threading.Lock()
        self._received: queue.SimpleQueue[Received] = queue.SimpleQueue()
        self._server = HttpServer(Request.application(self._answer), name="handler")

    def stop(self) -> None:
        self.gate.set()
        super().stop()

    def next_request(self) -> Received:
        """Wait for the next request, and return it."""
        return self._received.get(timeout=PATIENCE_SECONDS)

    @property
    def is_quiet(self) -> bool:
        """Whether there is no further request."""
        return self._received.empty()

    def _answer(self, request: Request) -> Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        with self._lock:
            self._under_way += 1
            self.peak = max(self.peak, self._under_way)
        self._received.put(Received(request.method, request.full_path.rstrip("?"), headers, request.get_data()))
        self.gate.wait()
        with self._lock:
            self._under_way -= 1
        return Response(status=self.statuses.pop(0) if self.statuses else 200)
