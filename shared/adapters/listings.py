"""Bounds listings of tenants' object stores: a bucket may have any number of objects, and their names fill memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from shared.errors import SourceNotFound
from shared.runtime.request_time import check_stop, seconds_left

MAX_OBJECTS, MAX_CHARACTERS = 100_000, 16 * 1024 * 1024
_SECONDS_TO_ANSWER = 10.0
_PAGE = 1000  # objects in one answer of a store

Item = TypeVar("Item")


def bounded(items: Iterable[Item], key_of: Callable[[Item], str], *, place: str) -> Iterator[Item]:
    """The items of a listing. Between two pages it heeds the request's signals.

    It raises SourceNotFound if they are too many, or if the request's time does not suffice to list them.
    """
    characters = 0
    for number, item in enumerate(items):
        characters += len(key_of(item))
        if number % _PAGE == 0:
            left = seconds_left()
            if left is not None and left < _SECONDS_TO_ANSWER:
                raise _too_many(place, f"{number} objects were listed, and the time is used up")
            check_stop()
        if number >= MAX_OBJECTS or characters > MAX_CHARACTERS:
            raise _too_many(place, f"there are more than {number} objects")
        yield item


def _too_many(place: str, found: str) -> SourceNotFound:
    return SourceNotFound(
        f"{place} has too many objects: {found}. Let the credential's prefix name the export's folder."
    )
