"""A clock that only moves when a test moves it."""

from __future__ import annotations


class Clock:
    """A clock to inject, in seconds since 1970. It advances by its next `leap` right after each read."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0
        self.leap = 0.0

    def __call__(self) -> float:
        now = self.now
        self.now, self.leap = now + self.leap, 0.0
        return now
