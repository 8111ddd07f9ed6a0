"""Reads a store only if a marker below its prefix proves that its owner means this tenant (docs/adr/0026)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from shared.domain.object_stores import Body, ObjectStore, StoredObject
from shared.errors import SourceNotFound


@dataclass(frozen=True)
class MarkedStore:
    """A store that looks for the marker once, before its first request. It raises SourceNotFound if there is none."""

    store: ObjectStore
    marker: str  # its name below the prefix

    @property
    def place(self) -> str:
        """The bucket and prefix as their owner writes them."""
        return self.store.place

    @property
    def bucket(self) -> str:
        """The name of the bucket or container."""
        return self.store.bucket

    @property
    def prefix(self) -> str:
        """The text that all keys begin with."""
        return self.store.prefix

    def list(self, below: str = "") -> Iterator[StoredObject]:
        """All objects whose keys begin with the prefix and then `below`."""
        return self._proved.list(below)

    def find(self, key: str) -> StoredObject | None:
        """The object as it is now, or None."""
        return self._proved.find(key)

    def open(self, found: StoredObject, *, start: int, end: int) -> Body:
        """The bytes from `start` up to `end`, exclusive."""
        return self._proved.open(found, start=start, end=end)

    @cached_property
    def _proved(self) -> ObjectStore:
        key = f"{self.prefix}{self.marker}"
        if self.store.find(key) is None:
            raise SourceNotFound(
                f"{self.place} does not say that this tenant may read it; upload the blob {key}, as credentials/setup"
                " shows it"
            )
        return self.store
