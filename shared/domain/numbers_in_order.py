"""Finds the last of numbers that are taken in order, such as those of a tenant's publish jobs, by few questions."""

from __future__ import annotations

from collections.abc import Callable, Generator


def find_last_taken(taken: int) -> Generator[int, bool, int]:
    """The last number that is taken, `taken` or later. A thousand numbers take twenty questions.

    It is a conversation: it yields a number, and is sent whether that number is taken.
    """
    step = 1
    while (yield taken + step):
        taken, step = taken + step, step * 2
    while step > 1:
        step //= 2
        if (yield taken + step):
            taken += step
    return taken


def last_taken(taken: int, is_taken: Callable[[int], bool]) -> int:
    """As find_last_taken; `is_taken` answers."""
    search = find_last_taken(taken)
    number = next(search)
    while True:
        try:
            number = search.send(is_taken(number))
        except StopIteration as found:
            return int(found.value)
