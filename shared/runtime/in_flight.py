"""Counts the work that is in flight in this process: a read may not show it, because it ended after the read began."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

_KEPT_SECONDS = 300.0  # no request lasts longer than this after its read


@dataclass(eq=False)
class _Work:
    amount: int
    done_at: float | None = None


class InFlight:
    """The amounts of work by name. `now` is a clock that never goes back; a caller notes its time before a read."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.now = clock
        self._works: defaultdict[str, list[_Work]] = defaultdict(list)
        self._lock = threading.Lock()

    @contextmanager
    def work(self, name: str, amount: int, *, read_at: float) -> Iterator[int]:
        """Count the block as `amount` of work on a name. It yields the work of others that a read may not show.

        `read_at` is when that read began. Of two calls at the same moment, one sees the other. A block that fails is
        not counted.
        """
        own = _Work(amount)
        with self._lock:
            self._forget()
            works = self._works[name]
            others = sum(work.amount for work in works if work.done_at is None or work.done_at >= read_at)
            works.append(own)
        try:
            yield others
        except BaseException:
            with self._lock:
                works.remove(own)
            raise
        own.done_at = self.now()

    def _forget(self) -> None:
        oldest = self.now() - _KEPT_SECONDS
        for name, works in list(self._works.items()):
            works[:] = [work for work in works if work.done_at is None or work.done_at >= oldest]
            if not works:
                del self._works[name]
