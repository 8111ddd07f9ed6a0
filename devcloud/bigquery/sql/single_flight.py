"""Lets one thread do the work of a key while others wait for its result."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class _Flight:
    lock: threading.Lock = field(default_factory=threading.Lock)
    wanted: int = 0


class SingleFlight:
    """The keys that threads work on. A thread that had to wait must first check whether the work is already done."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._flights: dict[Hashable, _Flight] = {}

    @contextmanager
    def of(self, key: Hashable) -> Iterator[None]:
        """A block in which no other thread works on this key."""
        with self._lock:
            flight = self._flights.setdefault(key, _Flight())
            flight.wanted += 1
        try:
            with flight.lock:
                yield
        finally:
            with self._lock:
                flight.wanted -= 1
                if not flight.wanted:
                    del self._flights[key]
