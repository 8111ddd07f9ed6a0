"""The Parquet file is written while it is read."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from shared.connectors.parquet_stream import ParquetStream

SCHEMA = pa.schema([("n", pa.int64()), ("tags", pa.list_(pa.string()))])


def batch(first: int, rows: int) -> pa.RecordBatch:
    numbers = list(range(first, first + rows))
    return pa.RecordBatch.from_pydict({"n": numbers, "tags": [[str(n)] * (n % 3) for n in numbers]}, schema=SCHEMA)


@given(sizes=st.lists(st.integers(min_value=1, max_value=50), min_size=1, max_size=6), chunk=st.integers(1, 5000))
def test_reading_in_chunks_gives_one_valid_file_with_all_rows(sizes: list[int], chunk: int) -> None:
    batches = [batch(1000 * number, rows) for number, rows in enumerate(sizes)]
    stream, content = ParquetStream(iter(batches), SCHEMA), bytearray()
    while piece := stream.read(chunk):
        content += piece
        assert stream.tell() == len(content)
    assert parquet.read_table(io.BytesIO(bytes(content))).equals(pa.Table.from_batches(batches))


def test_no_more_batches_are_read_than_needed() -> None:
    pulled: list[int] = []

    def batches() -> Iterator[pa.RecordBatch]:
        for number in range(50):
            pulled.append(number)
            yield batch(number * 20_000, 20_000)

    stream = ParquetStream(batches(), SCHEMA)
    stream.read(1000)
    assert len(pulled) < 10


def test_an_error_of_the_source_reaches_the_reader() -> None:
    def batches() -> Iterator[pa.RecordBatch]:
        yield batch(0, 10)
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError, match="gone"):
        ParquetStream(batches(), SCHEMA).read(10_000_000)
