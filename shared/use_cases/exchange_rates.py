"""Sets and lists a tenant's exchange rates."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from shared.adapters.stores.exchange_rates import ExchangeRateStore
from shared.domain.exchange_rates import RatesRequest, read_month
from shared.domain.requests.creation import CreationRequest
from shared.domain.requests.parsing import validated


@dataclass(frozen=True)
class TenantExchangeRates:
    """Answers requests for exchange rates."""

    store: ExchangeRateStore

    def list_all(self, tenant_id: str) -> dict[str, Any]:
        """The rates, the newest month first. One job."""
        rows = self.store.list_all(tenant_id)
        return {"rates": [{**row, "month": f"{row['month']:%Y-%m}"} for row in rows]}

    def set(self, tenant_id: str, month: str, asked: CreationRequest) -> dict[str, Any]:
        """Set rates of a month, all or none. A repeated call changes nothing. One job.

        The body has a RatesRequest's fields. Conflict if the month has ended and a rate would change.
        """
        first, request = read_month(month), validated(RatesRequest, asked.body)
        self.store.set(tenant_id, first, request, updated_at=datetime.now(UTC), user_id=asked.user_id)
        return {"month": month, "currency": request.currency, "rates": request.rates}
