"""Answers that are kept for seconds, in this process's memory: bounded, and never shared between instances."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Remembered(Generic[Key, Value]):
    """At most `most` values, each valid for `seconds`; 0 seconds keep nothing valid."""

    def __init__(self, *, seconds: float, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._most, self._clock = seconds, most, clock
        self._values: OrderedDict[Key, tuple[float, Value]] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, key: Key, *, within_seconds: float | None = None) -> tuple[Value, float] | None:
        """The value and its age in seconds, or None; `within_seconds` accepts an older value than usual."""
        most = self._seconds if within_seconds is None else within_seconds
        with self._lock:
            found = self._values.get(key)
            age = self._clock() - found[0] if found else 0.0
            if found is None or age >= most:
                return None
            return found[1], age

    def keep(self, key: Key, value: Value) -> Value:
        """Remember the value from now on; the same value."""
        with self._lock:
            self._values[key] = (self._clock(), value)
            self._values.move_to_end(key)
            if len(self._values) > self._most:
                self._values.popitem(last=False)
        return value

    def forget(self, is_meant: Callable[[Key], bool]) -> None:
        """Drop every value whose key `is_meant`."""
        with self._lock:
            for key in [key for key in self._values if is_meant(key)]:
                del self._values[key]
