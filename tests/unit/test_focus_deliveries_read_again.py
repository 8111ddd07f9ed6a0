"""After a month is read, its folder is listed again, and no other: a bucket has many months."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import pytest

from shared.connectors.focus.billing_files import FocusFiles
from shared.domain.object_stores import StoredObject
from tests.support.stored_objects import MemoryStore

SEPTEMBER = date(2026, 9, 1)


@dataclass
class _Listed(MemoryStore):
    below: list[str] = field(default_factory=list)

    def list(self, below: str = "") -> Iterator[StoredObject]:
        self.below.append(below)
        return super().list(below)


@pytest.mark.parametrize(
    ("prefix", "folder", "below"),
    [
        ("exports/", "exports/2026-09/", "2026-09/"),
        ("exports/", "exports/", ""),
        ("", "2026-09/", "2026-09/"),
        ("", "", ""),
    ],
)
def test_only_the_months_own_folder_is_listed_again(prefix: str, folder: str, below: str) -> None:
    store = _Listed(prefix=prefix)
    store.put(f"{folder}202609-1.csv")
    files = FocusFiles(store, "focus:aws:bills", "run", datetime(2026, 10, 2, tzinfo=UTC))
    delivery = files.deliveries[SEPTEMBER]
    assert (files.is_unchanged(delivery), store.below) == (True, ["", below])
    store.put(f"{folder}202609-2.csv", b"later")
    assert not files.is_unchanged(delivery)
    store.objects.clear()
    assert not files.is_unchanged(delivery)
