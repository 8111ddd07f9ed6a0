"""An object store in memory. A test says where its downloads break off."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from shared.domain.object_stores import StoredObject, key_problem
from shared.errors import ReadBroken, SourceNotFound, SourceRewritten

BEGIN = datetime(2026, 10, 1, tzinfo=UTC)


@dataclass
class MemoryStore:
    """Objects of a bucket below `prefix`; each write is a second later than the one before.

    A download gives at most `breaks_after` bytes and then breaks off; `requests` has the ranges that were asked for.
    """

    prefix: str = "exports/"
    bucket: str = "bills"
    breaks_after: int | None = None
    objects: dict[str, tuple[StoredObject, bytes]] = field(default_factory=dict)
    requests: list[tuple[str, int, int]] = field(default_factory=list)
    writes: int = 0

    @property
    def place(self) -> str:
        return f"memory://{self.bucket}/{self.prefix}"

    def put(self, key: str, content: bytes = b"x", *, at: datetime | None = None) -> StoredObject:
        """Write an object."""
        self.writes += 1
        moment = at or BEGIN + timedelta(seconds=self.writes)
        found = StoredObject(key, hashlib.sha256(content).hexdigest(), len(content), moment)
        self.objects[key] = found, content
        return found

    def list(self, below: str = "") -> Iterator[StoredObject]:
        return (found for key, (found, _) in sorted(self.objects.items()) if key.startswith(self.prefix + below))

    def find(self, key: str) -> StoredObject | None:
        return self.objects[key][0] if key in self.objects else None

    def open(self, found: StoredObject, *, start: int, end: int) -> MemoryBody:
        if key_problem(found.key, prefix=self.prefix):
            raise SourceNotFound(found.key)
        self.requests.append((found.key, start, end))
        now, content = self.objects.get(found.key, (None, b""))
        if now is None or now.etag != found.etag:
            raise SourceRewritten(found.key)
        return MemoryBody(content[start:end], self.breaks_after)


@dataclass
class MemoryBody:
    """A download from a MemoryStore."""

    content: bytes
    breaks_after: int | None
    given: int = 0

    def read(self, size: int) -> bytes:
        if self.breaks_after is not None:
            size = min(size, self.breaks_after - self.given)
            if size <= 0 and self.given < len(self.content):
                raise ReadBroken
        taken = self.content[self.given : self.given + size]
        self.given += len(taken)
        return taken

    def close(self) -> None:
        pass
