"""While the table of API keys cannot be listed, known keys work and unknown ones get 503 soon."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from google.api_core import exceptions as google
from google.cloud import bigquery

from shared.adapters.bigquery.warehouse import Warehouse
from shared.adapters.stores import known_keys
from shared.adapters.stores.known_keys import KnownKeys
from shared.errors import Unavailable

KNOWN, UNKNOWN = (hashlib.sha256(name.encode()).hexdigest() for name in ("known", "unknown"))


@dataclass
class Table:
    """A BigQuery client with one key in the table; `before` is called before each listing."""

    before: Callable[[], None] = lambda: None
    listings: int = 0
    now: float = 100.0
    row: bigquery.Row = field(default_factory=lambda: bigquery.Row((KNOWN, True, None), {}))

    def list_rows(self, *_: Any, **__: Any) -> Iterator[bigquery.Row]:
        self.listings += 1
        self.before()
        return iter([self.row])


@pytest.fixture
def table() -> Table:
    return Table()


@pytest.fixture
def keys(table: Table) -> KnownKeys:
    client = cast(bigquery.Client, table)
    warehouse = Warehouse(client, "project", "EU", "tenants", "staging", labels={}, max_bytes_billed=0)
    return KnownKeys(warehouse, seconds=30, clock=lambda: table.now)


def fail() -> None:
    raise google.from_http_status(503, "try again")  # type: ignore[no-untyped-call]


def test_after_a_failed_listing_unknown_keys_get_503_for_a_while(keys: KnownKeys, table: Table) -> None:
    table.before = fail
    with pytest.raises(Unavailable):
        keys.find(UNKNOWN)
    table.now += 4
    for _ in range(50):
        with pytest.raises(Unavailable) as refusal:
            keys.find(UNKNOWN)
        assert refusal.value.facts["retry_after"] == 6
    assert table.listings == 1
    table.now, table.before = table.now + 6, lambda: None
    assert not keys.find(UNKNOWN)
    assert keys.find(KNOWN)


def test_a_known_key_stays_valid_and_the_listing_is_tried_again_from_time_to_time(
    keys: KnownKeys, table: Table
) -> None:
    assert keys.find(KNOWN)
    table.now, table.before = table.now + 60, fail
    assert [keys.has(KNOWN) for _ in range(20)] == [True] * 20
    assert table.listings == 2
    table.now += 10
    assert keys.has(KNOWN)
    assert table.listings == 3


def test_waits_for_the_listing_of_another_request_are_bounded(
    keys: KnownKeys, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_keys, "MAX_SECONDS_WAITED", 0.01)
    assert keys.find(KNOWN)
    is_listing, may_answer = threading.Event(), threading.Event()

    def hang() -> None:
        is_listing.set()
        may_answer.wait()

    table.before = hang
    table.now += 60
    with ThreadPoolExecutor() as pool:
        first = pool.submit(keys.find, UNKNOWN)
        try:
            is_listing.wait()
            with pytest.raises(Unavailable) as refusal:
                keys.find(UNKNOWN)
            assert refusal.value.facts["retry_after"] == 10
            assert keys.has(KNOWN)
        finally:
            may_answer.set()
        assert not first.result()
    assert table.listings == 2
