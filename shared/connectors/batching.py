"""Joins small batches to larger ones, because ten rows cost as much time per batch as ten thousand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

_arrow: Any = pa  # its type stubs lack concat_batches
_ROWS = 4_096
_BYTES = 4 * 1024 * 1024


def coalesced(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same rows in the same order, in larger batches; only the rows of the next batch are held."""
    held: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        if batch.num_rows:
            held.append(batch)
            rows, size = rows + batch.num_rows, size + batch.nbytes
        if rows >= _ROWS or size >= _BYTES:
            yield _arrow.concat_batches(held)
            held, rows, size = [], 0, 0
    if held:
        yield _arrow.concat_batches(held)
