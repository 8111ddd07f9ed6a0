"""Callers in memory: guesses cost nothing, a new key works at once, and limits hold."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.domain.requests.auth import KeyOwner, PresentedKey
from shared.errors import Forbidden, TooManyRequests, Unauthenticated
from shared.runtime import callers
from shared.runtime.callers import Callers, address_of, network_of

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
OWNER = KeyOwner(
    tenant_id="acme", key_is_active=True, key_expires_at=None, tenant_status="ACTIVE", subscription_status="ACTIVE",
    subscription_starts_at=None, subscription_ends_at=None, daily_limit=5, concurrent_limit=1, read_at=NOW,
)  # fmt: skip
KEY = "acme_api_" + "k" * 24


def hashed(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


@dataclass
class Tables:
    """The existing keys, the number of listings, and the owner that a query finds."""

    keys: set[str] = field(default_factory=set)
    listed: set[str] = field(default_factory=set)
    listings: int = 0
    queries: int = 0
    owner: KeyOwner | None = OWNER

    def has(self, api_key_hash: str) -> bool:
        return api_key_hash in self.listed

    def find(self, api_key_hash: str) -> bool:
        self.listings += 1
        self.listed = set(self.keys)
        return self.has(api_key_hash)

    def find_key_owner(self, _api_key_hash: str) -> KeyOwner | None:
        self.queries += 1
        return self.owner


@dataclass
class Instance:
    """One instance's callers, and its clock."""

    tables: Tables = field(default_factory=lambda: Tables({hashed(KEY)}))
    now: float = 0.0
    callers: Callers = field(init=False)

    def __post_init__(self) -> None:
        limits = {"owner_seconds": 30.0, "requests_at_once": 60, "queries_at_once": 5, "queries_per_minute": 6}
        self.callers = Callers(self.tables, self.tables, clock=lambda: self.now, **limits)

    def refusals(self, *keys: str | None, address: str = "192.0.2.1") -> list[str]:
        """The refusals of these keys, one for each."""
        answers = []
        for key in keys:
            try:
                self.callers.identify(key, address=address)
                answers.append("")
            except (Unauthenticated, TooManyRequests) as error:
                answers.append(getattr(error, "cap", "") or "401")
        return answers


@pytest.fixture
def instance() -> Instance:
    return Instance()


def guess(number: int) -> str:
    return f"acme_api_{number:024d}"


def test_guesses_are_refused_without_a_query_and_beyond_the_limit_without_a_look_up(instance: Instance) -> None:
    answers = instance.refusals(*map(guess, range(1_000)))
    assert answers == ["401"] * callers.REFUSALS_AT_ONCE + ["refusals"] * (1_000 - callers.REFUSALS_AT_ONCE)
    assert (instance.tables.listings, instance.tables.queries) == (callers.REFUSALS_AT_ONCE, 0)


def test_an_address_that_guesses_blocks_neither_its_known_keys_nor_other_addresses(instance: Instance) -> None:
    instance.refusals(*map(guess, range(200)))
    assert instance.refusals(KEY) == [""]
    assert instance.refusals(guess(1), address="198.51.100.7") == ["401"]
    instance.now += 10
    assert instance.refusals(*map(guess, range(12))) == ["401"] * 10 + ["refusals"] * 2


def test_malformed_keys_count_against_their_address_too(instance: Instance) -> None:
    answers = instance.refusals(*[None, "", "x"] * 40)
    assert answers.count("401") == callers.REFUSALS_AT_ONCE
    assert instance.tables.listings == 0


def test_a_new_key_works_at_once(instance: Instance) -> None:
    fresh = guess(7)
    assert instance.refusals(fresh) == ["401"]
    instance.tables.keys.add(hashed(fresh))
    assert instance.refusals(fresh) == [""]


def test_a_key_over_its_request_limit_gets_429_with_retry_after(instance: Instance) -> None:
    answers = instance.refusals(*[KEY] * 61)
    assert (answers.count(""), answers[-1]) == (60, "requests")
    with pytest.raises(TooManyRequests) as refusal:
        instance.callers.identify(KEY, address="192.0.2.1")
    assert refusal.value.facts["retry_after"] == 1


def test_requests_that_query_bigquery_are_counted_by_key(instance: Instance) -> None:
    for _ in range(5):
        instance.callers.charge_query(hashed(KEY))
    with pytest.raises(TooManyRequests) as refusal:
        instance.callers.charge_query(hashed(KEY))
    assert (refusal.value.cap, refusal.value.facts["retry_after"]) == ("queries", 10)
    instance.callers.charge_query(hashed(guess(1)))


def test_a_large_query_counts_as_many(instance: Instance) -> None:
    instance.callers.charge_query(hashed(KEY))
    instance.callers.charge_bytes(hashed(KEY), callers.BYTES_OF_A_QUERY)
    for _ in range(4):
        instance.callers.charge_query(hashed(KEY))
    instance.now += 10
    instance.callers.charge_query(hashed(KEY))
    instance.callers.charge_bytes(hashed(KEY), 21 * callers.BYTES_OF_A_QUERY)
    with pytest.raises(TooManyRequests) as refusal:
        instance.callers.charge_query(hashed(KEY))
    assert refusal.value.facts["retry_after"] == 210


def test_a_proof_is_kept_for_its_seconds_and_not_a_moment_longer(instance: Instance) -> None:
    key = PresentedKey(hashed(KEY), "acme")
    assert instance.callers.require_owner(key) == OWNER
    instance.tables.owner = replace(OWNER, key_is_active=False)
    instance.now = 29.0
    assert instance.callers.require_owner(key).read_at == NOW + timedelta(seconds=29)
    with pytest.raises(Forbidden):
        instance.callers.require_owner(PresentedKey(hashed(KEY), "beta"))
    assert instance.tables.queries == 1
    instance.now = 30.0
    with pytest.raises(Unauthenticated):
        instance.callers.require_owner(key)


def test_a_subscription_that_ends_meanwhile_ends_the_proof(instance: Instance) -> None:
    instance.tables.owner = replace(OWNER, subscription_ends_at=NOW + timedelta(seconds=10))
    key = PresentedKey(hashed(KEY), "acme")
    instance.callers.require_owner(key)
    instance.now = 11.0
    with pytest.raises(Forbidden):
        instance.callers.require_owner(key)


@pytest.mark.parametrize("changes", [{"tenant_status": "SUSPENDED"}, {"key_expires_at": NOW}])
def test_refusals_are_not_kept(instance: Instance, changes: dict[str, Any]) -> None:
    instance.tables.owner = replace(OWNER, **changes)
    key = PresentedKey(hashed(KEY), "acme")
    with pytest.raises((Forbidden, Unauthenticated)):
        instance.callers.require_owner(key)
    instance.tables.owner = OWNER
    assert instance.callers.require_owner(key) == OWNER


@pytest.mark.parametrize(
    ("forwarded_for", "proxies", "address"),
    [
        ("203.0.113.9", 0, "203.0.113.9"),
        ("1.2.3.4, 203.0.113.9", 0, "203.0.113.9"),
        ("1.2.3.4,203.0.113.9, 10.0.0.1", 1, "203.0.113.9"),
        ("10.0.0.1", 1, "10.0.0.1"),
        (None, 0, ""),
    ],
)
def test_the_address_is_the_one_that_google_appended(forwarded_for: str | None, proxies: int, address: str) -> None:
    assert address_of(forwarded_for, proxies=proxies) == address


def test_addresses_of_one_ipv6_network_count_as_one_caller() -> None:
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff") != network_of("2001:db8:0:1::1")
    assert network_of("192.0.2.1") != network_of("192.0.2.2")
    assert network_of("nonsense") == network_of("")
