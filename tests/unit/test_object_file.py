"""An object is read as a file: reading continues after a broken download and never mixes two versions."""

from __future__ import annotations

import gzip
import io
import zipfile

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from shared.connectors.objects import decoding
from shared.connectors.objects.decoding import decoded
from shared.connectors.objects.object_file import ObjectFile
from shared.domain.object_stores import key_problem
from shared.errors import ReadBroken, SourceRewritten, StepRefused
from tests.support.stored_objects import MemoryStore

KEY = "exports/cur/file"
TEXT = b"a,b\n" + b"".join(b'%d,"x ""y""\nz"\n' % number for number in range(1000))


def zipped(content: bytes, *names: str, kind: int = zipfile.ZIP_DEFLATED) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", kind) as archive:
        for name in names or ("file.csv",):
            archive.writestr(name, content)
    return sink.getvalue()


def encrypted(archive: bytes) -> bytes:
    """The archive with the flag that says that its file needs a password, in both of its places."""
    entry = archive.index(b"PK\x01\x02")
    marked = bytearray(archive)
    marked[6], marked[entry + 8] = 1, 1
    return bytes(marked)


def garbled(archive: bytes) -> bytes:
    """The archive with bytes that deflate does not know."""
    start = 30 + len("file.csv")
    return archive[:start] + b"\xff" * 20 + archive[start + 20 :]


def as_parquet() -> bytes:
    sink = io.BytesIO()
    rows = pa.table({"a": [str(number) for number in range(1000)], "b": ['x "y"\nz'] * 1000})
    parquet.write_table(rows, sink, row_group_size=300)
    return sink.getvalue()


@given(content=st.binary(max_size=200), breaks_after=st.integers(1, 50), size=st.integers(1, 60), seeks=st.booleans())
def test_a_broken_download_continues_where_it_ended(content: bytes, breaks_after: int, size: int, seeks: bool) -> None:
    store = MemoryStore(breaks_after=breaks_after)
    file = ObjectFile(store, store.put(KEY, content), by_ranges=seeks)
    parts = list(iter(lambda: file.read(size), b""))
    assert b"".join(parts) == content
    assert all(len(part) == size for part in parts[:-1])


def test_a_download_without_progress_is_given_up() -> None:
    store = MemoryStore(breaks_after=0)
    with pytest.raises(ReadBroken):
        ObjectFile(store, store.put(KEY, b"content")).read()
    assert len(store.requests) == 5


def test_reading_stops_if_the_object_changes_between_two_requests() -> None:
    store = MemoryStore(breaks_after=3)
    file = ObjectFile(store, store.put(KEY, b"content"))
    assert file.read(3) == b"con"
    store.put(KEY, b"another")
    with pytest.raises(SourceRewritten):
        file.read(1)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("f.csv", TEXT),
        ("f.csv", b"\xef\xbb\xbf" + TEXT),
        ("f.csv.gz", gzip.compress(TEXT)),
        ("f.csv.zip", zipped(TEXT)),
        ("f.snappy.parquet", as_parquet()),
    ],
)
def test_every_packing_gives_the_same_rows(name: str, content: bytes) -> None:
    store = MemoryStore(breaks_after=5000)
    rows = pa.Table.from_batches(decoded(store, store.put(f"exports/{name}", content))).to_pylist()
    assert rows == [{"a": str(number), "b": 'x "y"\nz'} for number in range(1000)]


@pytest.mark.parametrize("content", [b"", b"a,b\n", b"a,b"])
def test_a_file_without_rows_gives_no_rows(content: bytes) -> None:
    store = MemoryStore()
    assert list(decoded(store, store.put("exports/f.csv", content))) == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("f.csv.gz", gzip.compress(TEXT)[:-100]),
        ("f.csv.gz", TEXT),
        ("f.csv.zip", zipped(TEXT)[:-30]),
        ("f.csv.zip", zipped(TEXT, "one.csv", "two.csv")),
        ("f.csv.zip", zipped(TEXT, kind=zipfile.ZIP_LZMA)),
        ("f.csv.zip", zipped(TEXT, kind=zipfile.ZIP_BZIP2)),
        ("f.csv.zip", zipped(TEXT, "f.csv", *(f"{number}{'n' * 65_000}" for number in range(260)))),
        ("f.csv.zip", encrypted(zipped(TEXT))),
        ("f.csv.zip", garbled(zipped(TEXT))),
        ("f.csv", b'"' + b"a" * 200_000 + b'"\n1\n'),
        ("f.csv", b",".join(b"%d" % number for number in range(10_001)) + b"\n1\n"),
        ("f.parquet", as_parquet()[:-9]),
        ("f.parquet", as_parquet()[:-8] + (2**30).to_bytes(4, "little") + b"PAR1"),
        ("f.csv", b"a,b\n1,2,3\n"),
    ],
)
def test_a_damaged_file_is_refused_by_name(name: str, content: bytes) -> None:
    store = MemoryStore()
    with pytest.raises(StepRefused, match=rf"exports/{name} of memory://bills/exports/ cannot be read to its end"):
        list(decoded(store, store.put(f"exports/{name}", content)))


def test_a_row_group_that_does_not_fit_into_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    content, store = as_parquet(), MemoryStore()
    metadata = parquet.ParquetFile(io.BytesIO(content)).metadata
    largest = max(metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))
    monkeypatch.setattr(decoding, "_LARGEST_ROW_GROUP", largest)
    found = store.put("exports/f.parquet", content)
    assert sum(batch.num_rows for batch in decoded(store, found)) == 1000
    monkeypatch.setattr(decoding, "_LARGEST_ROW_GROUP", largest - 1)
    with pytest.raises(StepRefused, match=f"a row group has {largest} bytes"):
        list(decoded(store, found))


def test_equal_column_names_get_different_names() -> None:
    store = MemoryStore()
    (batch,) = decoded(store, store.put("exports/f.csv", b"a,a,b\n1,,3\n"))
    assert batch.to_pylist() == [{"a": "1", "a 2": None, "b": "3"}]


def test_an_error_of_the_store_passes_through_arrow_unchanged() -> None:
    store = MemoryStore()
    found = store.put("exports/f.csv.gz", gzip.compress(TEXT))
    store.put("exports/f.csv.gz", b"another")
    with pytest.raises(SourceRewritten):
        list(decoded(store, found))


@pytest.mark.parametrize(
    ("key", "is_read"),
    [
        ("exports/cur/x", True),
        ("exports/a..b/x", True),
        ("exports/../secret", False),
        ("exports/./x", False),
        ("exports-of-another/x", False),
        ("other/exports/x", False),
        ("exports/", False),
        ("exports/a\nb", False),
        ("exports/..", False),
    ],
)
def test_only_keys_below_the_prefix_are_read(key: str, is_read: bool) -> None:
    assert (key_problem(key, prefix="exports/") is None) == is_read
