"""Reads an object as a file. It is never in memory as a whole, and a broken download continues where it ended."""

from __future__ import annotations

import io

from shared.domain.object_stores import Body, ObjectStore, StoredObject
from shared.errors import ReadBroken
from shared.runtime import log
from shared.runtime.request_time import check_stop

_BROKEN_AT_MOST = 5  # failures in a row, without a byte in between


class ObjectFile(io.RawIOBase):
    """The object in the version that was found. Reading raises SourceRewritten if it has changed.

    One request reads it from start to end. With `by_ranges` each read requests only its own bytes, for formats that
    are not read from start to end.
    """

    def __init__(self, store: ObjectStore, found: StoredObject, *, by_ranges: bool = False) -> None:
        self._store, self._found, self._by_ranges = store, found, by_ranges
        self._place = 0
        self._body: Body | None = None

    def readable(self) -> bool:
        """True: the file can be read."""
        return True

    def seekable(self) -> bool:
        """True: the file can seek. Without `by_ranges` a seek costs a new request."""
        return True

    def tell(self) -> int:
        """The position at which the next read begins."""
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to another position."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._found.size}[whence]
        if start + offset != self._place:
            self._let_go()
            self._place = start + offset
        return self._place

    def readinto(self, buffer: object) -> int:
        """Fill the buffer at least in part. It returns 0 only at the end."""
        view = memoryview(buffer)  # type: ignore[arg-type]
        data = self._next(min(view.nbytes, self._found.size - self._place))
        view[: len(data)] = data
        return len(data)

    def read(self, size: int | None = -1) -> bytes:
        """Read as many bytes as requested; at the end of the object, fewer."""
        left = self._found.size - self._place
        wanted = left if size is None or size < 0 else min(size, left)
        parts = []
        while wanted > 0:
            part = self._next(wanted)
            parts.append(part)
            wanted -= len(part)
        return b"".join(parts)

    def close(self) -> None:
        """Close the connection."""
        self._let_go()
        super().close()

    def _next(self, size: int) -> bytes:
        if size <= 0:
            return b""
        for _ in range(_BROKEN_AT_MOST - 1):
            try:
                return self._read_once(size)
            except ReadBroken:
                log.warning("download broke off, and goes on", key=self._found.key, at=self._place)
        return self._read_once(size)

    def _read_once(self, size: int) -> bytes:
        check_stop()
        if self._body is None:
            end = self._place + size if self._by_ranges else self._found.size
            self._body = self._store.open(self._found, start=self._place, end=end)
        try:
            data = self._body.read(size)
        except ReadBroken:
            self._let_go()
            raise
        if not data:  # the answer is shorter than the object
            self._let_go()
            raise ReadBroken
        self._place += len(data)
        if self._by_ranges and len(data) == size:
            self._let_go()
        return data

    def _let_go(self) -> None:
        if self._body is not None:
            self._body.close()
            self._body = None
