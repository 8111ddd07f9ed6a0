"""The snapshot of API keys on the local BigQuery: which keys it has, when it is renewed, and what that costs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import pytest
from google.cloud import bigquery

from devcloud.clients import warehouse_of
from devcloud.server import Devcloud
from shared.adapters.stores import known_keys
from shared.adapters.stores.known_keys import KnownKeys
from shared.errors import TooManyRequests
from tests.support.tenant import Tenant


@dataclass
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        self.now += 0.001  # two reads never return the same moment
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(bigquery_client: bigquery.Client, clock: Clock) -> KnownKeys:
    return KnownKeys(warehouse_of(bigquery_client), seconds=30, clock=clock)


def hashed(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def guess(keys: KnownKeys, times: int) -> None:
    for number in range(times):
        assert not keys.find(hashed(f"guess-{number}"))


def set_key(client: bigquery.Client, tenant: Tenant, change: str) -> None:
    sql = f"UPDATE tenants.tenant_api_keys SET {change} WHERE api_key_hash = '{hashed(tenant.api_key)}'"
    client.query_and_wait(sql)


def test_a_key_is_known_from_the_first_listing_on_and_a_listing_is_no_job(
    keys: KnownKeys, tenant: Tenant, cloud: Devcloud
) -> None:
    jobs = len(cloud.bigquery.jobs())
    assert not keys.has(hashed(tenant.api_key))
    assert keys.find(hashed(tenant.api_key))
    assert keys.has(hashed(tenant.api_key))
    assert not keys.find(hashed("nobody's"))
    assert len(cloud.bigquery.jobs()) == jobs


@pytest.mark.parametrize("change", ["is_active = FALSE", "expires_at = CURRENT_TIMESTAMP()", "api_key_hash = 'x'"])
def test_a_key_that_is_no_longer_valid_is_forgotten_by_the_next_listing(
    keys: KnownKeys, tenant: Tenant, clock: Clock, bigquery_client: bigquery.Client, change: str
) -> None:
    assert keys.find(hashed(tenant.api_key))
    set_key(bigquery_client, tenant, change)
    clock.now += 29
    assert keys.has(hashed(tenant.api_key))
    clock.now += 1
    assert not keys.has(hashed(tenant.api_key))


def test_a_key_expires_in_memory_too(keys: KnownKeys, tenant: Tenant, bigquery_client: bigquery.Client) -> None:
    set_key(bigquery_client, tenant, "expires_at = TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL 1 HOUR)")
    assert keys.find(hashed(tenant.api_key))
    set_key(bigquery_client, tenant, "expires_at = TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL -1 HOUR)")
    assert keys.has(hashed(tenant.api_key))
    assert not keys.find(hashed(tenant.api_key))


def test_unknown_keys_that_come_faster_than_the_table_may_be_listed_get_retry_after(
    keys: KnownKeys, tenant: Tenant, clock: Clock
) -> None:
    keys.find(hashed(tenant.api_key))
    with pytest.raises(TooManyRequests) as refusal:
        guess(keys, 1_000)
    assert (refusal.value.cap, refusal.value.facts["retry_after"]) == ("refusals", 1)
    assert keys.has(hashed(tenant.api_key))
    clock.now += 1
    assert not keys.find(hashed("guess"))


def test_keys_beyond_the_memorys_limit_are_looked_up_one_by_one_and_seldom(
    keys: KnownKeys, tenant: Tenant, cloud: Devcloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_keys, "MAX_KEYS", 0)
    jobs = len(cloud.bigquery.jobs())
    assert keys.find(hashed(tenant.api_key))
    assert not keys.find(hashed("guess"))
    alone = cloud.bigquery.jobs()[jobs:]
    assert [(job["labels"]["statement"], len(job["tables"])) for job in alone] == [("find_key", 1)] * 2
    with pytest.raises(TooManyRequests):
        guess(keys, 6)
