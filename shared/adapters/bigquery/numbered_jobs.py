"""Finds the last of jobs whose ids end in numbers that are taken in order."""

from __future__ import annotations

from collections.abc import Callable


def last_taken(taken: int, is_taken: Callable[[int], bool]) -> int:
    """The last number that is taken, `taken` or later. A thousand numbers take twenty look-ups."""
    step = 1
    while is_taken(taken + step):
        taken, step = taken + step, step * 2
    while step > 1:
        step //= 2
        if is_taken(taken + step):
            taken += step
    return taken
