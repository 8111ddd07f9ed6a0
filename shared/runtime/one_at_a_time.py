"""Work that is done for one name at a time, in this process: whoever comes next sees what the one before has done."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class _Line:
    """Those of one name: who works, and who waits."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    length: int = 0


class OneAtATime:
    """A line for each name: at most `most` are in it, and nobody waits in it for longer than `seconds`."""

    def __init__(self, *, most: int, seconds: float) -> None:
        self._most, self._seconds = most, seconds
        self._lines: dict[str, _Line] = {}
        self._lock = threading.Lock()

    @contextmanager
    def first(self, name: str) -> Iterator[bool]:
        """Whether what is inside is the only work of this name; False when the line was full, or too slow."""
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
