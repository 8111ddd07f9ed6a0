"""A bounded cache in this process's memory. Its values are valid for some seconds. Instances do not share it."""

from __future__ import annotations

import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Generic, NamedTuple, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")
_MAX_ANSWERS, _MAX_ANSWERS_SIZE = 200, 32 * 1024 * 1024  # of one kind, in memory at once
_LARGEST_SHARE = 8  # one value may take at most an eighth of the whole size


class _Kept(NamedTuple, Generic[Value]):
    at: float
    value: Value
    size: int


class TtlCache(Generic[Key, Value]):
    """A cache of at most `max_values` values, each valid for `seconds`. With 0 seconds no value is valid.

    With `size_of` all values together have at most `max_size`, and a value of more than an eighth of it is not kept.
    With `oldest_seconds` a value of that age is dropped when another is kept.
    """

    def __init__(
        self,
        *,
        seconds: float,
        max_values: int,
        oldest_seconds: float | None = None,
        size_of: Callable[[Value], int] = lambda _: 0,
        max_size: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._seconds, self._max_values, self._oldest_seconds, self._clock = seconds, max_values, oldest_seconds, clock
        self._size_of, self._max_size, self._size = size_of, max_size, 0
        self._values: OrderedDict[Key, _Kept[Value]] = OrderedDict()  # the oldest first
        self._lock = threading.Lock()

    def find(self, key: Key, *, within_seconds: float | None = None) -> tuple[Value, float] | None:
        """The value and its age in seconds, or None. `within_seconds` accepts an older value than usual."""
        max_age = self._seconds if within_seconds is None else within_seconds
        with self._lock:
            found = self._values.get(key)
            age = self._clock() - found.at if found else 0.0
            if found is None or age >= max_age:
                return None
            return found.value, age

    def keep(self, key: Key, value: Value) -> Value:
        """Keep the value, unless it is too large, and return it."""
        size = self._size_of(value)
        with self._lock:
            self._drop(key)
            if size * _LARGEST_SHARE <= self._max_size:
                self._values[key] = _Kept(self._clock(), value, size)
                self._size += size
            while self._values and self._has_to_shrink():
                self._drop(next(iter(self._values)))
        return value

    def forget(self, is_meant: Callable[[Key], bool]) -> None:
        """Drop every value whose key `is_meant`."""
        with self._lock:
            for key in [key for key in self._values if is_meant(key)]:
                self._drop(key)

    def _has_to_shrink(self) -> bool:
        if len(self._values) > self._max_values or self._size > self._max_size:
            return True
        oldest = next(iter(self._values.values()))
        return self._oldest_seconds is not None and self._clock() - oldest.at >= self._oldest_seconds

    def _drop(self, key: Key) -> None:
        if dropped := self._values.pop(key, None):
            self._size -= dropped.size


def answer_cache(
    *, seconds: float, oldest_seconds: float, clock: Callable[[], float] = time.monotonic
) -> TtlCache[Any, dict[str, Any]]:
    """An empty cache of answers, which bounds their number and their size. Each answer is valid for `seconds`."""
    return TtlCache(
        seconds=seconds,
        max_values=_MAX_ANSWERS,
        oldest_seconds=max(seconds, oldest_seconds),
        size_of=size_in_memory,
        max_size=_MAX_ANSWERS_SIZE,
        clock=clock,
    )


def size_in_memory(value: Any) -> int:
    """The approximate size of an answer in bytes, with everything in it."""
    size = sys.getsizeof(value)
    if isinstance(value, Mapping):
        return size + sum(size_in_memory(name) + size_in_memory(held) for name, held in value.items())
    if isinstance(value, list | tuple):
        return size + sum(size_in_memory(held) for held in value)
    return size
