"""Limits how often a caller may do something: a number at once, then a steady rate. The state is in memory."""

from __future__ import annotations

import threading
from collections import OrderedDict

_MAX_NAMES = 10_000


class RateLimit:
    """A bucket for each name, which fills with `per_second` up to `at_once` and starts full.

    It keeps ten thousand names and forgets those used longest ago. So it does not limit a caller with more names.
    """

    def __init__(self, *, at_once: float, per_second: float) -> None:
        self._at_once, self._per_second = at_once, per_second
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, name: str, *, now: float, cost: float = 1) -> float:
        """Take the amount and return 0; otherwise take nothing and return the seconds until it is available.

        `now` is in seconds of a clock that never goes back. An amount above `at_once` needs a full bucket.
        """
        with self._lock:
            left = self._filled(name, now)
            needed = min(cost, self._at_once)
            is_there = left >= needed
            self._keep(name, left - cost if is_there else left, now)
        return 0 if is_there else (needed - left) / self._per_second

    def owe(self, name: str, *, now: float, cost: float) -> None:
        """Take an amount that is known only afterwards, even if it is not there. The refill pays the debt first."""
        with self._lock:
            self._keep(name, self._filled(name, now) - cost, now)

    def _filled(self, name: str, now: float) -> float:
        left, at = self._left.pop(name, (self._at_once, now))
        return min(self._at_once, left + max(0.0, now - at) * self._per_second)

    def _keep(self, name: str, left: float, now: float) -> None:
        self._left[name] = (left, now)
        if len(self._left) > _MAX_NAMES:
            self._left.popitem(last=False)
