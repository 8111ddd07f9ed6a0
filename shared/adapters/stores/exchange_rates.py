"""The store of a tenant's exchange rates."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from shared.adapters.bigquery.job_errors import AssertionFailed, Missing
from shared.adapters.bigquery.sql import statement
from shared.adapters.bigquery.warehouse import Row, Warehouse
from shared.adapters.stores.tenant_tables import no_dataset_yet
from shared.domain.exchange_rates import RatesRequest
from shared.errors import Conflict

MAX_RATES = 5_000  # of one answer


@dataclass(frozen=True)
class ExchangeRateStore:
    """Reads and sets the rates of one tenant at a time. A tenant without the table has none."""

    warehouse: Warehouse

    def list_all(self, tenant_id: str) -> list[Row]:
        """The newest rates, with the columns of list_rates in exchange_rates.sql. One job."""
        try:
            return self.warehouse.read(
                statement("exchange_rates", "list_rates"), {"max_rows": MAX_RATES}, dataset=tenant_id
            )
        except Missing as error:
            if not error.is_in(tenant_id):
                raise
            return []

    def set(
        self, tenant_id: str, month: date, request: RatesRequest, *, updated_at: datetime, user_id: str | None
    ) -> None:
        """Set all rates of the request or none. One job.

        It raises Conflict if the month has ended and a rate would change, or if the tenant has no dataset yet.
        """
        values = {
            "month": month,
            "to_currency": request.currency,
            "from_currencies": list(request.rates),
            "rates": list(request.rates.values()),
            "updated_at": updated_at,
            "user_id": user_id,
            "has_ended": month < updated_at.date().replace(day=1),
        }
        try:
            self.warehouse.change(statement("exchange_rates", "set_rates"), values, dataset=tenant_id)
        except Missing as error:
            raise no_dataset_yet(error, tenant_id) from None
        except AssertionFailed:
            raise Conflict(
                f"The month {month:%Y-%m} has ended, and a rate of it is set to another value; such a rate stays."
            ) from None
