"""A CSV file is fetched a few blocks ahead of its rows, and may be left in the middle."""

from __future__ import annotations

import pytest

from shared.connectors.objects.decoding import decoded
from shared.domain.object_stores import StoredObject
from tests.support.stored_objects import MemoryStore

LINE = b"1.5," + b"x" * 1019 + b"\n"
LINES = 40 * 1024  # ten blocks of 4 MB


@pytest.fixture(scope="module")
def store() -> MemoryStore:
    found = MemoryStore()
    found.put("exports/costs.csv", b"cost,text\n" + LINE * LINES)
    return found


def stored(store: MemoryStore) -> StoredObject:
    (found,) = store.list()
    return found


def test_all_rows_of_many_blocks_are_read(store: MemoryStore) -> None:
    batches = list(decoded(store, stored(store)))
    assert len(batches) > 5
    assert sum(batch.num_rows for batch in batches) == LINES


def test_a_file_can_be_left_after_its_first_rows(store: MemoryStore) -> None:
    for _ in range(3):
        rows = decoded(store, stored(store))
        assert next(rows).num_rows > 0
        rows.close()  # type: ignore[attr-defined] # it is a generator
        with pytest.raises(StopIteration):
            next(rows)
