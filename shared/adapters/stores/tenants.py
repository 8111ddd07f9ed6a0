"""Finds the tenant that an API key belongs to."""

from __future__ import annotations

from dataclasses import dataclass

from shared.adapters.bigquery.sql import statement
from shared.adapters.bigquery.warehouse import Warehouse
from shared.domain.requests.auth import KeyOwner


@dataclass(frozen=True)
class Tenants:
    """Looks tenants up in the central dataset."""

    warehouse: Warehouse

    def find_key_owner(self, api_key_hash: str) -> KeyOwner | None:
        """The owner of the key with this SHA-256 (hex), or None. One job."""
        rows = self.warehouse.read(statement("auth", "find_key_owner"), {"api_key_hash": api_key_hash})
        return KeyOwner(**rows[0]) if rows else None
