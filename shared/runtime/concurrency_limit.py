"""Limits how many calls of the same name run at once in this process. The others wait in line."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from shared.errors import TooManyRequests


@dataclass
class _Line:
    """The calls of one name: the free slots, and the number of calls that run or wait."""

    slots: threading.Semaphore
    length: int = 0


class ConcurrencyLimit:
    """Keeps a line for each name, with at most `max_length` calls. `at_once` of them run, the others wait `seconds`.

    A call that finds the line full, or waits too long, raises TooManyRequests with `message`, `cap` and `retry_after`.
    """

    def __init__(
        self,
        message: str,
        *,
        max_length: int,
        seconds: float,
        retry_after: int,
        at_once: int = 1,
        cap: str = "requests",
    ) -> None:
        self._message, self._cap, self._retry_after = message, cap, retry_after
        self._max_length, self._seconds, self._at_once = max_length, seconds, at_once
        self._lines: dict[str, _Line] = {}
        self._lock = threading.Lock()

    @contextmanager
    def slot(self, name: str) -> Iterator[None]:
        """Run the block when a slot of this name is free. It raises TooManyRequests when none becomes free in time."""
        with self._lock:
            line = self._lines.setdefault(name, _Line(threading.Semaphore(self._at_once)))
            has_place = line.length < self._max_length
            line.length += has_place
        has_slot = has_place and line.slots.acquire(timeout=self._seconds)
        try:
            if not has_slot:
                raise TooManyRequests(self._message, cap=self._cap, retry_after=self._retry_after)
            yield
        finally:
            if has_slot:
                line.slots.release()
            with self._lock:
                line.length -= has_place
                if not line.length:
                    del self._lines[name]
