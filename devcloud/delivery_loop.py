"""Sends due calls. One thread finds them and a pool sends them. A condition wakes the thread at every change."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from devcloud.delivery import Deliverer

_THREADS = 256
_Key = TypeVar("_Key")
_log = logging.getLogger(__name__)


class DeliveryLoop:
    """Subclasses implement `send_due`. Code that calls it or uses `under_way` must hold the loop's lock."""

    def __init__(self, name: str, now: Callable[[], float]) -> None:
        self.now, self.deliverer = now, Deliverer()
        self.changed = threading.Condition()
        self.stopping = False
        self._under_way = 0
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix=f"{name}-delivery")
        self._thread = threading.Thread(target=self._run, name=f"{name}-loop", daemon=True)

    def send_due(self) -> float:
        """Send what is due; returns the time of the next look (infinity: only when something changes)."""
        raise NotImplementedError

    def outstanding(self, due_within_seconds: float = math.inf) -> int:
        """The number of unfinished calls that are due within this time."""
        raise NotImplementedError

    def start(self) -> None:
        """Begin to send. The unfinished calls of the last process come first."""
        self._thread.start()

    def stop(self) -> None:
        """Cut the calls that still run and join all threads; safe to call twice."""
        with self.changed:
            self.stopping = True
            self.changed.notify_all()
        self.deliverer.stop()
        if self._thread.is_alive():
            self._thread.join()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def wake(self) -> None:
        """Make the thread look again, because the calls to send have changed."""
        with self.changed:
            self.changed.notify_all()

    def look(self) -> None:
        """Look again, because the clock has moved. When this returns, all due calls are being sent."""
        with self.changed:
            if not self.stopping:
                self.send_due()
            self.changed.notify_all()

    def wait_idle(self, timeout_seconds: float, due_within_seconds: float = math.inf) -> bool:
        """Wait until no call is due or running; returns False if that takes too long."""
        with self.changed:
            return self.changed.wait_for(
                lambda: not self._under_way and not self.outstanding(due_within_seconds), timeout_seconds
            )

    def submit(self, keys: set[_Key], key: _Key, attempt: Callable[[], None]) -> None:
        """Run `attempt` in the pool; `key` is among `keys` until it has ended."""
        keys.add(key)
        self._under_way += 1

        def finished(future: Future[None]) -> None:
            if not future.cancelled() and future.exception() is not None:
                _log.error("delivery of %s broke", key, exc_info=future.exception())
            with self.changed:
                keys.discard(key)
                self._under_way -= 1
                self.changed.notify_all()

        self._pool.submit(attempt).add_done_callback(finished)

    def _run(self) -> None:
        with self.changed:
            while not self.stopping:
                look_again_at = self.send_due()
                seconds = max(0.0, look_again_at - self.now())
                self.changed.wait(None if math.isinf(seconds) else min(seconds, threading.TIMEOUT_MAX))
