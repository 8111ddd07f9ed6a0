"""Shows operators the tenants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared.adapters.bigquery.warehouse import Row
from shared.adapters.stores.tenant_states import TenantStates
from shared.errors import NotFound

_ROWS = 100


@dataclass(frozen=True)
class TenantList:
    """The operator's view of the tenants."""

    states: TenantStates

    def page(self, *, after: str | None) -> tuple[Sequence[Row], str | None]:
        """Tenants in the order of their ids, and the id after which the next page begins if there is one. One job."""
        found = self.states.list_tenants(after=after, limit=_ROWS + 1)
        return found[:_ROWS], found[_ROWS - 1]["tenant_id"] if len(found) > _ROWS else None

    def get(self, tenant_id: str) -> Row:
        """One tenant; NotFound if there is none with this id. One job."""
        found = self.states.find_tenant(tenant_id)
        if found is None:
            raise NotFound
        return found
