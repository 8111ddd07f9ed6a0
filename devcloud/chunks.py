"""Reads chunked bodies with extensions and trailers (RFC 9112, 7.1), which werkzeug does not support."""

from __future__ import annotations

import re
from typing import Any

from werkzeug.serving import DechunkedInput

_LONGEST_LINE = 8192
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?\r?\n", re.DOTALL)


class BadChunk(OSError):
    """The chunks of the body are not valid in HTTP."""


class Chunks(DechunkedInput):
    """The body without its framing. Reading raises BadChunk if the framing is invalid."""

    def __init__(self, connection: Any) -> None:
        super().__init__(connection)
        self._connection = connection  # a buffered reader, which has peek()

    def read_chunk_len(self) -> int:
        """The next chunk's size; after the last chunk this skips the trailers."""
        found = _SIZE.fullmatch(self._connection.readline(_LONGEST_LINE))
        if not found:
            raise BadChunk("a chunk has no size")
        size = int(found[1], 16)
        while size == 0 and self._connection.peek(1)[:1] not in (b"\r", b"\n", b""):
            self._connection.readline(_LONGEST_LINE)
        return size

    def readinto(self, buffer: Any) -> int:
        """Read as werkzeug does, but raise BadChunk instead of OSError if a chunk has a wrong end."""
        try:
            return super().readinto(buffer)
        except OSError as error:
            raise BadChunk(str(error)) from error
