"""The store of a tenant's costs: sums, read in one job."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from shared.adapters.bigquery.job_errors import Missing
from shared.adapters.bigquery.sql import statement
from shared.adapters.bigquery.warehouse import JobOptions, Row, Warehouse
from shared.adapters.stores.cost_statements import (
    CHARGES,
    DAILY,
    MAX_BYTES,
    PERIODS,
    RATES,
    Table,
    costs_statement,
    is_added_up,
)
from shared.adapters.stores.reconciliation import read_reconciliation
from shared.adapters.stores.virtual_tags import VirtualTagStore
from shared.domain.cost_reconciliation import ReconciliationRequest
from shared.domain.costs import CostRequest, RestatementsRequest
from shared.domain.requests.paging import find_place
from shared.domain.virtual_tags import NO_TAGS, VirtualTags

_NOTHING: tuple[Row, int] = {"sums": [], "providers": [], "restated": []}, 0


@dataclass(frozen=True)
class Costs:
    """Reads sums of costs. A tenant without a dataset has none."""

    warehouse: Warehouse

    def find_virtual_tags(self, tenant_id: str, request: CostRequest) -> VirtualTags:
        """The virtual tags that the request names, by name, if they exist. One job, or none without names."""
        return VirtualTagStore(self.warehouse).find(tenant_id, request.virtual_tags)

    def read(self, tenant_id: str, request: CostRequest, tags: VirtualTags = NO_TAGS) -> tuple[Row, int]:
        """Read `sums`, `providers` and `restated`, the columns of the statement read_costs in costs.sql.

        It also returns the number of bytes that were read; BytesLimitExceeded if they would be too many. One job if
        the tenant's tables are up to date. Rows of focus_cost are read only if focus_cost_daily cannot answer.
        """
        bytes_read = 0
        tables = [DAILY, CHARGES] if is_added_up(request, tags) else [CHARGES]
        attempts = [(table, True) for table in tables] + [(CHARGES, False)]
        while attempts:
            table, with_periods = attempts.pop(0)
            try:
                found, read = self._read_from(table, tenant_id, request, tags, with_periods=with_periods)
            except Missing as error:
                if not error.is_in(tenant_id) or error.is_table(tenant_id, RATES):
                    raise
                if error.is_table(tenant_id, PERIODS):
                    attempts = attempts[-1:]
                elif not error.is_table(tenant_id, DAILY):
                    break
            else:
                bytes_read += read
                if found.pop("is_complete"):
                    return found, bytes_read
        return _NOTHING

    def list_restatements(self, tenant_id: str, request: RestatementsRequest) -> tuple[list[Row], int]:
        """A page of changed days and one row more, the latest change first, and the bytes that were read. One job.

        The rows have the columns of the statement list_restatements in costs.sql.
        """
        after = find_place(request.page_token)
        values = {
            "since": request.since,
            "first_date": request.first_date,
            "last_date": request.last_date,
            "before_restated_at": after.created_at if after else None,
            "before_id": after.row_id if after else None,
            "max_rows": request.limit + 1,
        }
        try:
            return self.warehouse.read_measured(statement("costs", "list_restatements"), values, dataset=tenant_id)
        except Missing as error:
            if not error.is_in(tenant_id):
                raise
            return [], 0

    def reconcile(self, tenant_id: str, request: ReconciliationRequest) -> tuple[list[Row], int]:
        """The invoices of both sides, and the bytes that were read. One job; see read_reconciliation."""
        return read_reconciliation(self.warehouse, tenant_id, request)

    def _read_from(
        self, table: Table, tenant_id: str, request: CostRequest, tags: VirtualTags, *, with_periods: bool
    ) -> tuple[dict[str, Any], int]:
        asked = costs_statement(request, table=table, with_periods=with_periods, tags=tags)
        limit = JobOptions(max_bytes_billed=MAX_BYTES)
        (found,), bytes_read = self.warehouse.read_measured(
            asked.statement, asked.values, dataset=tenant_id, options=limit
        )
        return dict(found), bytes_read
