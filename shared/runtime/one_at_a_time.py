"""Runs work with the same name one after the other in this process, so that each sees the result of the one before."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class _Line:
    """The queue of one name: its lock, and the number of callers that hold it or wait for it."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    length: int = 0


class OneAtATime:
    """A queue for each name, with at most `most` entries, in which no entry waits longer than `seconds`."""

    def __init__(self, *, most: int, seconds: float) -> None:
        self._most, self._seconds = most, seconds
        self._lines: dict[str, _Line] = {}
        self._lock = threading.Lock()

    @contextmanager
    def first(self, name: str) -> Iterator[bool]:
        """Run the block while no other block of this name runs. It yields False if the queue is full or too slow."""
        with self._lock:
            line = self._lines.setdefault(name, _Line())
            has_place = line.length < self._most
            line.length += has_place
        is_first = has_place and line.lock.acquire(timeout=self._seconds)
        try:
            yield is_first
        finally:
            if is_first:
                line.lock.release()
            with self._lock:
                line.length -= has_place
                if not line.length:
                    del self._lines[name]
