"""Small batches are combined into larger ones that keep every row, the order, and a size limit."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from shared.connectors.batching import coalesced


def batches(sizes: list[int]) -> Iterator[pa.RecordBatch]:
    first = 0
    for size in sizes:
        yield pa.RecordBatch.from_pydict({"n": pa.array(range(first, first + size), pa.int64())})
        first += size


@given(sizes=st.lists(st.one_of(st.integers(0, 50), st.integers(2_000, 9_000)), max_size=12))
def test_every_row_is_there_once_in_order_and_no_batch_is_empty(sizes: list[int]) -> None:
    found = list(coalesced(batches(sizes)))
    assert all(batch.num_rows for batch in found)
    assert [n for batch in found for n in batch["n"].to_pylist()] == list(range(sum(sizes)))
    assert all(batch.num_rows >= 4_096 for batch in found[:-1])


def test_no_more_batches_are_read_than_the_next_one_needs() -> None:
    pulled: list[int] = []

    def source() -> Iterator[pa.RecordBatch]:
        for batch in batches([1_024] * 100):
            pulled.append(batch.num_rows)
            yield batch

    next(coalesced(source()))
    assert sum(pulled) == 4_096


def test_batches_of_wide_rows_are_limited_by_size() -> None:
    wide = [pa.RecordBatch.from_pydict({"text": ["x" * 1_000_000] * 3}) for _ in range(6)]
    assert [batch.num_rows for batch in coalesced(iter(wide))] == [6, 6, 6]
