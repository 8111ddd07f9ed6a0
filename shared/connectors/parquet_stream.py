"""Writes batches as a Parquet file while the file is read. Never more than one row group is in memory."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pyarrow as pa
from pyarrow import parquet

_ROW_GROUP_BYTES = 16 * 1024 * 1024
_ROW_GROUP_ROWS = 65_536


class ParquetStream(io.RawIOBase):
    """A readable file over an iterator of batches. It cannot seek, because it drops the bytes that were read."""

    def __init__(self, batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> None:
        self._groups = _row_groups(batches)
        self._sink = _Sink()
        sink = pa.PythonFile(self._sink, mode="w")
        # Statistics of every row group would be kept until the end, and a load job does not look at them.
        self._writer = parquet.ParquetWriter(
            sink, schema, compression="zstd", version="2.6", store_schema=False, write_statistics=False
        )
        self._handed_out = 0
        self._is_complete = False

    def readable(self) -> bool:
        """True: the file can be read."""
        return True

    def tell(self) -> int:
        """The number of bytes that have been read."""
        return self._handed_out

    def read(self, size: int = -1) -> bytes:
        """The next `size` bytes; fewer only at the end. Row groups are written when they are needed."""
        while not self._is_complete and (size < 0 or len(self._sink.pending) < size):
            group = next(self._groups, None)
            if group is None:
                self._writer.close()
                self._is_complete = True
            else:
                self._writer.write_table(group, row_group_size=group.num_rows)
        taken = self._sink.take(size)
        self._handed_out += len(taken)
        return taken


class _Sink(io.RawIOBase):
    def __init__(self) -> None:
        self.pending = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        view = memoryview(data)  # type: ignore[arg-type]
        self.pending += view
        return view.nbytes

    def take(self, size: int) -> bytes:
        end = len(self.pending) if size < 0 else size
        taken = bytes(self.pending[:end])
        del self.pending[:end]
        return taken


def _row_groups(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    held: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        held.append(batch)
        rows += batch.num_rows
        # Columns without values are shared (arrow_types.nulls), and each row group costs memory until the end.
        size += sum(column.nbytes for column in batch.columns if column.null_count < batch.num_rows)
        if rows >= _ROW_GROUP_ROWS or size >= _ROW_GROUP_BYTES:
            yield pa.Table.from_batches(held)
            held, rows, size = [], 0, 0
    if held:
        yield pa.Table.from_batches(held)
