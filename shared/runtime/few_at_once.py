"""Runs little work of the same name at once in this process: one after the other, or as many as are allowed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class _Line:
    """The queue of one name: its free places, and the number of callers that have one or wait for one."""

    slots: threading.Semaphore
    length: int = 0


class FewAtOnce:
    """A queue for each name, with at most `most` entries, of which `at_once` run. None waits longer than `seconds`."""

    def __init__(self, *, most: int, seconds: float, at_once: int = 1) -> None:
        self._most, self._seconds, self._at_once = most, seconds, at_once
        self._lines: dict[str, _Line] = {}
        self._lock = threading.Lock()

    @contextmanager
    def first(self, name: str) -> Iterator[bool]:
        """Run the block while few others of this name run. It yields False if the queue is full or too slow."""
        with self._lock:
            line = self._lines.setdefault(name, _Line(threading.Semaphore(self._at_once)))
            has_place = line.length < self._most
            line.length += has_place
        is_first = has_place and line.slots.acquire(timeout=self._seconds)
        try:
            yield is_first
        finally:
            if is_first:
                line.slots.release()
            with self._lock:
                line.length -= has_place
                if not line.length:
                    del self._lines[name]
