"""The marker: a tenant reads nothing below a prefix, whatever it enters, unless the prefix is marked for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.connectors.marked_store import MarkedStore
from shared.domain.credentials.trust import marker_of
from shared.domain.object_stores import StoredObject, folder
from shared.errors import SourceNotFound
from tests.support.stored_objects import MemoryStore

PROJECT = "platform-prod"
tenants = st.from_regex(r"[a-w][a-z0-9_]{2,20}", fullmatch=True).filter(lambda name: name != "tenants")
# The owner's prefix, folders above and below it, and anything else.
prefixes = st.sampled_from(["exports/acme", "exports", "", "exports/acme/costs", "exports/acm"]) | st.text(max_size=20)


class WatchedStore(MemoryStore):
    """A store that remembers which keys were looked up; a listing counts as *."""

    def __init__(self, prefix: str, filled: MemoryStore) -> None:
        super().__init__(prefix=prefix, objects=filled.objects)
        self.asked: list[str] = []

    def list(self, below: str = "") -> Iterator[StoredObject]:
        self.asked.append("*")
        return super().list(below)

    def find(self, key: str) -> StoredObject | None:
        self.asked.append(key)
        return super().find(key)


@given(tenants, tenants, prefixes)
def test_a_tenant_that_is_not_named_reads_nothing(owner: str, other: str, entered: str) -> None:
    filled = MemoryStore()
    found = filled.put("exports/acme/costs/file.csv")
    filled.put(f"exports/acme/{marker_of(deployment=PROJECT, tenant_id=owner)}")
    watched, marker = WatchedStore(folder(entered), filled), marker_of(deployment=PROJECT, tenant_id=other)
    store = MarkedStore(watched, marker)
    if other == owner and folder(entered) == "exports/acme/":
        assert found in list(store.list())
        return
    for read in (store.list, lambda: store.find(found.key), lambda: store.open(found, start=0, end=1)):
        with pytest.raises(SourceNotFound, match=f"(?s)upload the blob .*{marker}"):
            read()
    assert set(watched.asked) == {f"{folder(entered)}{marker}"}
    assert watched.requests == []


@given(tenants, tenants)
def test_each_tenant_of_each_deployment_has_a_marker_of_its_own(one: str, other: str) -> None:
    first, second = (marker_of(deployment=PROJECT, tenant_id=tenant) for tenant in (one, other))
    assert (first == second) == (one == other)
    assert first != marker_of(deployment="platform-staging", tenant_id=one)


def test_the_marker_is_looked_up_once() -> None:
    filled = MemoryStore()
    marker = marker_of(deployment=PROJECT, tenant_id="acme")
    filled.put(f"exports/{marker}")
    watched = WatchedStore("exports/", filled)
    store = MarkedStore(watched, marker)
    list(store.list())
    list(store.list())
    assert watched.asked == [f"exports/{marker}", "*", "*"]
