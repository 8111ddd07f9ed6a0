"""Reads what operators want to know about tenants: status, limits, usage of today, and what waits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared.adapters.bigquery.sql import statement
from shared.adapters.bigquery.warehouse import Row, Warehouse


@dataclass(frozen=True)
class TenantStates:
    """Reads the tenants. It changes nothing."""

    warehouse: Warehouse

    def list_tenants(self, *, after: str | None, limit: int) -> Sequence[Row]:
        """Up to `limit` tenants in the order of their ids, after the one with an id. One job."""
        return self._read(tenant_id=None, after=after, max_tenants=limit)

    def find_tenant(self, tenant_id: str) -> Row | None:
        """The tenant, or None. One job."""
        rows = self._read(tenant_id=tenant_id, after=None, max_tenants=1)
        return rows[0] if rows else None

    def _read(self, **values: str | int | None) -> Sequence[Row]:
        return self.warehouse.read(statement("tenant_states", "list_tenants"), values)
