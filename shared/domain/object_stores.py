"""What every object store of a tenant's can do for us: list, find and read objects below one prefix."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class StoredObject:
    """An object as its store lists it; `etag` changes with its content, `modified_at` is in UTC."""

    key: str
    etag: str
    size: int
    modified_at: datetime


class Body(Protocol):
    """A download under way."""

    def read(self, size: int) -> bytes:
        """At most so many bytes, none only at the end; ReadBroken when the connection ends before."""
        ...

    def close(self) -> None:
        """Give the connection up; safe to call twice."""
        ...


class ObjectStore(Protocol):
    """The objects of one bucket or container below a prefix. Keys are whole keys; one outside is never asked for.

    Every call raises CredentialsRejected, SourceNotFound, SourceThrottled or Unavailable, whatever the store says.
    """

    @property
    def place(self) -> str:
        """Bucket and prefix as its owner writes them, for messages."""
        ...

    @property
    def bucket(self) -> str:
        """Its bucket or container."""
        ...

    @property
    def prefix(self) -> str:
        """What all of its keys begin with: empty, or ending in a slash."""
        ...

    def list(self, below: str = "") -> Iterator[StoredObject]:
        """All objects whose keys begin with the prefix and then `below`, however many there are."""
        ...

    def find(self, key: str) -> StoredObject | None:
        """The object as it is now, or None."""
        ...

    def open(self, found: StoredObject, *, start: int, end: int) -> Body:
        """The bytes from `start` up to and without `end`; SourceRewritten when its etag is another one now."""
        ...


def folder(prefix: str) -> str:
    """A prefix as the folder it means: `exports/aws` never covers `exports/aws-other`."""
    stripped = prefix.strip("/")
    return f"{stripped}/" if stripped else ""


def key_problem(key: str, *, prefix: str) -> str | None:
    """Why a key may not be asked for; None when it lies below the prefix and means nothing else on the way there."""
    if not key.startswith(prefix) or key == prefix:
        return f"lies outside {prefix}" if prefix else "is empty"
    if any(part in (".", "..") for part in key.split("/")) or _CONTROL.search(key):
        return "has a part that a path would resolve"
    return None
