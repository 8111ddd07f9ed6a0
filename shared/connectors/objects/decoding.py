"""Decodes billing files in Arrow, some megabytes at a time: Parquet, and CSV that is plain, gzipped or zipped."""

from __future__ import annotations

import csv
import io
import struct
import threading
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

import pyarrow as pa
from pyarrow import csv as _partly_typed
from pyarrow import parquet

from shared.connectors.objects.object_file import ObjectFile
from shared.domain.object_stores import ObjectStore, StoredObject
from shared.errors import StepRefused

arrow_csv: Any = _partly_typed
_BLOCK_BYTES, _BLOCKS_AHEAD, _PATIENCE_SECONDS = 2 * 1024 * 1024, 3, 1
_RANGE_BYTES = 4 * 1024 * 1024
_ROWS = 16_384
_AHEAD_BYTES = 64 * 1024
_LONGEST_HEADER = 1024 * 1024
_GZIP, _ZIP, _PARQUET = (".gz",), (".zip",), (".parquet",)
_MAX_COLUMNS = 10_000  # as many as a table of BigQuery may have
_LARGEST_DIRECTORY = (
    16 * 1024 * 1024
)  # an archive's directory or a Parquet file's footer, which is in memory as a whole
_FOOTER_END = 8  # bytes at the end of a Parquet file: the footer's length and a mark
_LARGEST_ROW_GROUP = 512 * 1024 * 1024  # unpacked; an export's has 128 MB, and an executor has 2 GiB
# The errors of decoders. An encrypted archive raises RuntimeError, an unknown compression NotImplementedError.
_DAMAGE = (
    pa.ArrowException, OSError, EOFError, ValueError, MemoryError, RuntimeError, NotImplementedError, OverflowError,
    zipfile.BadZipFile, zlib.error, csv.Error, struct.error,
)  # fmt: skip


def decoded(store: ObjectStore, found: StoredObject) -> Iterator[pa.RecordBatch]:
    """The rows of one file. Every column of a CSV file is text, and an empty text is NULL.

    It raises StepRefused if the content is damaged, because no later try would succeed.
    """
    if found.size == 0:
        return
    with _damage_named(store, found):
        if found.key.lower().endswith(_PARQUET):
            yield from _parquet(store, found)
        else:
            yield from _csv(store, found)


def column_names(store: ObjectStore, found: StoredObject) -> Sequence[str]:
    """The names of a file's columns, none if it is empty. It reads the beginning or, of Parquet, the end of the file.

    It raises StepRefused if the content is damaged.
    """
    if found.size == 0:
        return []
    with _damage_named(store, found):
        if found.key.lower().endswith(_PARQUET):
            with closing(ObjectFile(store, found, by_ranges=True)) as source:
                names: Sequence[str] = _opened_parquet(source, found).schema_arrow.names
                return names
        with _opened(store, found) as source:
            return _header(source)[0]


def format_of(found: StoredObject) -> str:
    """The format of a file's content by its name, in words."""
    key = found.key.lower()
    packed = next((words for ending, words in ((_GZIP, " with gzip"), (_ZIP, " in zip")) if key.endswith(ending)), "")
    return "Parquet" if key.endswith(_PARQUET) else f"CSV{packed}"


@contextmanager
def _damage_named(store: ObjectStore, found: StoredObject) -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        cause = " ".join(str(error).split())[:200]
        raise StepRefused(f"{found.key} of {store.place} cannot be read to its end: {cause}") from error


def _parquet(store: ObjectStore, found: StoredObject) -> Iterator[pa.RecordBatch]:
    with closing(ObjectFile(store, found, by_ranges=True)) as source:
        file = _opened_parquet(source, found)
        largest = max((file.metadata.row_group(n).total_byte_size for n in range(file.num_row_groups)), default=0)
        if largest > _LARGEST_ROW_GROUP:
            raise ValueError(f"a row group has {largest} bytes, and at most {_LARGEST_ROW_GROUP} are read at once")
        for number in range(file.num_row_groups):
            yield from file.iter_batches(batch_size=_ROWS, row_groups=[number], use_threads=False)


def _opened_parquet(source: ObjectFile, found: StoredObject) -> parquet.ParquetFile:
    """The file, whose footer is in memory as a whole."""
    source.seek(max(0, found.size - _FOOTER_END))
    footer = int.from_bytes(source.read(_FOOTER_END)[:4], "little")
    if footer > _LARGEST_DIRECTORY:
        raise ValueError(f"its footer has {footer} bytes, and at most {_LARGEST_DIRECTORY} are read")
    # The columns of a row group are fetched in a few requests, and dropped before the next group is fetched.
    file = parquet.ParquetFile(pa.PythonFile(source, mode="r"), pre_buffer=True)
    _check_width(file.metadata.num_columns)
    return file


def _csv(store: ObjectStore, found: StoredObject) -> Iterator[pa.RecordBatch]:
    with _opened(store, found) as source:
        names, rest = _header(source)
        rest = rest or source.read(_AHEAD_BYTES)
        if not names or not rest:
            return
        text = pa.string()
        bytes_of_rows = _Continued(rest, source)
        reader = arrow_csv.open_csv(
            bytes_of_rows,
            read_options=arrow_csv.ReadOptions(column_names=names, block_size=_BLOCK_BYTES, use_threads=False),
            parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, text), null_values=[""], strings_can_be_null=True
            ),
        )
        yield from bytes_of_rows.paced(reader)


@contextmanager
def _opened(store: ObjectStore, found: StoredObject) -> Iterator[Any]:
    """The file's bytes, unpacked. C code unpacks them."""
    key = found.key.lower()
    if key.endswith(_ZIP):
        with (
            closing(_Frugal(store, found, by_ranges=True)) as counted,
            zipfile.ZipFile(io.BufferedReader(counted, _RANGE_BYTES)) as archive,
        ):
            counted.most = None
            members = [item for item in archive.infolist() if item.filename.lower().endswith(".csv")]
            if len(members) != 1:
                raise ValueError(f"the archive has {len(members)} CSV files, not one")
            # zipfile unpacks the other kinds without a bound, so that a kilobyte may fill the memory.
            if members[0].compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise ValueError("the archive is compressed in another way than deflate")
            with archive.open(members[0]) as member:
                yield member
        return
    with closing(ObjectFile(store, found)) as source:
        if key.endswith(_GZIP):
            with pa.CompressedInputStream(pa.PythonFile(source, mode="r"), "gzip") as stream:
                yield stream
        else:
            yield source


def _header(source: Any) -> tuple[Sequence[str], bytes]:
    """The column names in a file's first line, and the bytes read beyond it. A repeated name gets a number."""
    read = b""
    while b"\n" not in read and len(read) < _LONGEST_HEADER:
        part = source.read(_AHEAD_BYTES)
        if not part:
            break
        read += part
    line, _, rest = read.removeprefix(b"\xef\xbb\xbf").partition(b"\n")
    names = next(csv.reader([line.decode("utf-8").strip("\r")]), [])
    _check_width(len(names))
    seen = Counter[str]()
    unique = []
    for name in names:
        seen[name] += 1
        unique.append(name if seen[name] == 1 else f"{name} {seen[name]}")
    return unique, rest


def _check_width(columns: int) -> None:
    if columns > _MAX_COLUMNS:
        raise ValueError(f"it has {columns} columns, and at most {_MAX_COLUMNS} are read")


class _Frugal(ObjectFile):
    """An object that refuses to be read beyond `most` bytes. None means no limit."""

    most: int | None = _LARGEST_DIRECTORY

    def readinto(self, buffer: object) -> int:
        """Fill the buffer at least in part. It raises ValueError beyond the limit."""
        count = super().readinto(buffer)
        if self.most is not None:
            self.most -= count
            if self.most < 0:
                raise ValueError(f"the archive's directory has more than {_LARGEST_DIRECTORY} bytes")
        return count


class _Continued(io.RawIOBase):
    """A readable file: the bytes that were read ahead, then the rest of the source.

    Arrow's reader of CSV fetches blocks in a thread of its own, by default up to 32 before their rows are wanted. Here
    each waits until only a few are fetched ahead, or for a second, because a block may have no rows.
    """

    def __init__(self, ahead: bytes, source: Any) -> None:
        self._ahead, self._source = ahead, source
        self._turn, self._fetched, self._used, self._is_left = threading.Condition(), 0, 0, False

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        with self._turn:
            self._turn.wait_for(lambda: self._is_left or self._fetched < self._used + _BLOCKS_AHEAD, _PATIENCE_SECONDS)
            self._fetched += 1
        if self._ahead:
            taken = self._ahead if size < 0 else self._ahead[:size]
            self._ahead = self._ahead[len(taken) :]
            return taken
        return bytes(self._source.read(size))

    def paced(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The reader's batches. Each is one block, and makes room for another."""
        try:
            for batch in batches:
                with self._turn:
                    self._used += 1
                    self._turn.notify_all()
                yield batch
        finally:
            with self._turn:
                self._is_left = True
                self._turn.notify_all()
