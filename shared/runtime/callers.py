"""Authenticates and limits tenants' requests. An unknown key costs no query, and each key has limits.

The state is in this process's memory, so each instance applies every limit on its own.
"""

from __future__ import annotations

import ipaddress
import math
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Protocol

from shared.domain.requests.auth import KeyOwner, KeyOwners, PresentedKey, TenantReader, hash_api_key, require_tenant
from shared.errors import TooManyRequests, Unauthenticated
from shared.runtime.rate_limits import RateLimit
from shared.runtime.ttl_cache import TtlCache

_MAX_OWNERS = 10_000
BYTES_OF_A_QUERY = 100_000_000  # a query that reads no more counts once
REFUSALS_AT_ONCE, REFUSALS_PER_SECOND = 100, 1.0  # refused requests of one address


class Keys(Protocol):
    """The API keys that exist."""

    def has(self, api_key_hash: str) -> bool:
        """Whether the key is known, from memory."""

    def find(self, api_key_hash: str) -> bool:
        """Whether there is such a key. It lists the keys anew."""


class Callers:
    """Authenticates and limits the callers. The proved owner of a key is cached for `owner_seconds`.

    A key may send `requests_at_once` requests, which refill within a minute, and cause `queries_at_once` queries, which
    refill by `queries_per_minute`.
    """

    def __init__(
        self,
        keys: Keys,
        owners: KeyOwners,
        *,
        owner_seconds: float,
        requests_at_once: float,
        queries_at_once: float,
        queries_per_minute: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._keys, self._owners, self._clock = keys, owners, clock
        self._proved = TtlCache[str, KeyOwner](seconds=owner_seconds, max_values=_MAX_OWNERS, clock=clock)
        self._requests = RateLimit(at_once=requests_at_once, per_second=requests_at_once / 60)
        self._queries = RateLimit(at_once=queries_at_once, per_second=queries_per_minute / 60)
        self._refusals = RateLimit(at_once=REFUSALS_AT_ONCE, per_second=REFUSALS_PER_SECOND)

    def identify(self, header: str | None, *, address: str) -> str:
        """The SHA-256 of an existing key. No job.

        It raises Unauthenticated for any other key, TooManyRequests for a key or an address beyond its limit.
        """
        try:
            api_key_hash = hash_api_key(header)
        except Unauthenticated:
            self.refuse(address)
            raise
        self.check_key(api_key_hash, address=address)
        return api_key_hash

    def check_key(self, api_key_hash: str, *, address: str) -> None:
        """Check that the key with this SHA-256 exists, with the limits and errors of `identify`. No job."""
        if not self._keys.has(api_key_hash):
            self.refuse(address)
            if not self._keys.find(api_key_hash):
                raise Unauthenticated
        self._check(self._requests, api_key_hash, "requests", "This key sends too many requests; wait, then try again.")

    def charge_query(self, api_key_hash: str) -> None:
        """Count a query of this key. It raises TooManyRequests if the key has caused too many."""
        self._check(self._queries, api_key_hash, "queries", "This key causes too many queries; wait, then try again.")

    def charge_bytes(self, api_key_hash: str, bytes_read: int) -> None:
        """Count what a query read, once it is known: the bytes of a large query count as those of many queries."""
        self._queries.owe(api_key_hash, now=self._clock(), cost=max(0.0, bytes_read / BYTES_OF_A_QUERY - 1))

    def reader_of(self, tenant_id: str, key_hash: str) -> TenantReader:
        """A reader of the tenant's tables, whose queries and bytes count against the key with this SHA-256."""
        return TenantReader(
            tenant_id=tenant_id,
            charge_query=partial(self.charge_query, key_hash),
            charge_bytes=partial(self.charge_bytes, key_hash),
        )

    def require_owner(self, key: PresentedKey) -> KeyOwner:
        """The key's owner, checked by require_tenant. At most one job, and none while an earlier proof is valid."""
        return require_tenant(self._find_owner(key.api_key_hash), key.tenant_id)

    def require_any_owner(self, api_key_hash: str) -> KeyOwner:
        """The owner of an identified key, whichever tenant it is. Jobs and errors are those of require_owner."""
        found = self._find_owner(api_key_hash)
        return require_tenant(found, found.tenant_id if found else "")

    def _find_owner(self, api_key_hash: str) -> KeyOwner | None:
        if found := self._proved.find(api_key_hash):
            owner, age_seconds = found
            return replace(owner, read_at=owner.read_at + timedelta(seconds=age_seconds))
        self.charge_query(api_key_hash)
        read = self._owners.find_key_owner(api_key_hash)
        if read is not None:
            require_tenant(read, read.tenant_id)
            self._proved.keep(api_key_hash, read)
        return read

    def refuse(self, address: str) -> None:
        """Count a request without a valid key. It raises TooManyRequests if the address has sent too many."""
        message = "This address sent too many requests without a valid key; check the key."
        self._check(self._refusals, network_of(address), "refusals", message)

    def _check(self, rate_limit: RateLimit, name: str, cap: str, message: str) -> None:
        if wait_seconds := rate_limit.take(name, now=self._clock()):
            raise TooManyRequests(message, cap=cap, retry_after=math.ceil(wait_seconds))


def network_of(address: str) -> str:
    """The network that counts as one caller: an IPv4 address, or the first 64 bits of an IPv6 address."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    return str(ipaddress.ip_network((found, 64 if found.version == 6 else 32), strict=False))


def address_of(forwarded_for: str | None, *, proxies: int) -> str:
    """The caller's address in X-Forwarded-For. Google and each of our own proxies append the address that they see.

    The caller can forge the entries before those.
    """
    addresses = [part.strip() for part in (forwarded_for or "").split(",")]
    return addresses[max(-1 - proxies, -len(addresses))]
