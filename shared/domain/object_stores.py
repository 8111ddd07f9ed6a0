"""Defines the interface of tenants' object stores: list, find and read objects below one prefix."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as its store lists it; `etag` changes with its content, `modified_at` is in UTC."""

    key: str
    etag: str
    size: int
    modified_at: datetime


class Body(Protocol):
    """A download under way."""

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none only at the end. It raises ReadBroken if the connection ends early."""
        ...

    def close(self) -> None:
        """Close the connection. It is safe to call twice."""
        ...


class ObjectStore(Protocol):
    """The objects of one bucket or container below a prefix. Keys include the prefix; no other key is requested.

    Every call raises CredentialsRejected, SourceNotFound, SourceThrottled or Unavailable, whatever the store says.
    """

    @property
    def place(self) -> str:
        """Bucket and prefix as their owner writes them, for messages."""
        ...

    @property
    def bucket(self) -> str:
        """The name of the bucket or container."""
        ...

    @property
    def prefix(self) -> str:
        """The text that all keys begin with. It is empty or ends in a slash."""
        ...

    def list(self, below: str = "") -> Iterator[StoredObject]:
        """All objects whose keys begin with the prefix and then `below`; SourceNotFound if they are too many."""
        ...

    def find(self, key: str) -> StoredObject | None:
        """The object as it is now, or None."""
        ...

    def open(self, found: StoredObject, *, start: int, end: int) -> Body:
        """The bytes from `start` up to `end`, exclusive. It raises SourceRewritten if the object's etag has changed."""
        ...


def folder(prefix: str) -> str:
    """The prefix as a folder, with a slash at its end, so that `exports/aws` does not cover `exports/aws-other`."""
    stripped = prefix.strip("/")
    return f"{stripped}/" if stripped else ""


def key_problem(key: str, *, prefix: str) -> str | None:
    """Why a key may not be requested; None if it is below the prefix and no part of it is resolved as a path."""
    if not key.startswith(prefix) or key == prefix:
        return f"lies outside {prefix}" if prefix else "is empty"
    if any(part in (".", "..") for part in key.split("/")) or _CONTROL.search(key):
        return "has a part that a path would resolve"
    return None
