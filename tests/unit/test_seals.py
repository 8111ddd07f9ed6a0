"""Seals: only the platform opens what a browser keeps, for one purpose, while the secret has its version."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Unavailable
from shared.runtime.seals import Seals

OLD, NEW = b"o" * 43, b"n" * 43


class Versions:
    """A secret whose versions a test replaces; another instance learns of it only when it renews them."""

    def __init__(self, *values: bytes) -> None:
        self.known, self.stored = list(values), list(values)

    def values(self) -> list[bytes]:
        return self.known

    def renewed(self) -> list[bytes]:
        self.known = self.stored
        return self.known


def test_a_seal_is_opened_for_its_purpose_alone() -> None:
    seals = Seals(Versions(NEW))
    sealed = seals.seal("session", {"tenant_id": "acme"})
    assert seals.open("session", sealed) == {"tenant_id": "acme"}
    assert seals.open("link", sealed) is None
    assert Seals(Versions(OLD)).open("session", sealed) is None


@given(st.text())
def test_any_other_text_is_no_seal(text: str) -> None:
    seals = Seals(Versions(NEW))
    assert seals.open("session", text) is None
    assert not seals.is_code("csrf", "a session", text)


def test_an_older_version_is_valid_until_the_secret_loses_it() -> None:
    before = Seals(Versions(OLD))
    sealed, code = before.seal("session", {}), before.code("csrf", "id")
    rotated, twice = Seals(Versions(NEW, OLD)), Seals(Versions(b"x" * 43, NEW))
    assert rotated.open("session", sealed) == {}
    assert rotated.is_code("csrf", "id", code)
    assert rotated.code("csrf", "id") != code
    assert twice.open("session", sealed) is None
    assert not twice.is_code("csrf", "id", code)


def test_a_seal_of_a_version_that_is_newer_than_the_cache_is_opened() -> None:
    versions = Versions(OLD)
    versions.stored = [NEW, OLD]
    assert Seals(versions).open("session", Seals(Versions(NEW)).seal("session", {"a": 1})) == {"a": 1}


@pytest.mark.parametrize("versions", [Versions(), Versions(b""), Versions(b"short")])
def test_without_a_strong_secret_nothing_is_sealed(versions: Versions) -> None:
    with pytest.raises(Unavailable, match="the operator must make one"):
        Seals(versions).seal("session", {})
    assert Seals(versions).open("session", "x") is None
