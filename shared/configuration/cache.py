"""Caches parsed files by modification time and size."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from pathlib import Path
from typing import TypeVar

Found = TypeVar("Found")
Stamp = tuple[int, int]


def stamp_of(path: Path) -> Stamp | None:
    """The modification time and size of a file; None when no file can be found there."""
    try:
        found = path.stat()
    except OSError:  # also a name that is too long, or a link that leads to itself
        return None
    return found.st_mtime_ns, found.st_size


def reread_when_changed(read: Callable[[Path], Found]) -> Callable[[Path], Found]:
    """Give `read` a cache. It reads a file again if the file has changed, and does not cache errors.

    The cache is bounded, because callers choose the names, and names without a file are cached too.
    """

    @lru_cache(maxsize=512)
    def read_once(path: Path, _stamp: Stamp | None) -> Found:
        return read(path)

    @wraps(read)
    def reread(path: Path) -> Found:
        return read_once(path, stamp_of(path))

    return reread
