"""The store of a tenant's costs: sums over focus_cost, read in one job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.adapters.bigquery.job_errors import Missing
from shared.adapters.bigquery.sql import Statement, statement
from shared.adapters.bigquery.warehouse import JobOptions, Row, Warehouse
from shared.domain.costs import GROUPS, MAX_SUMS, METRICS, CostRequest, RestatementsRequest
from shared.domain.requests.paging import find_place

MAX_BYTES = 50_000_000_000
_NOTHING: tuple[Row, int] = {"sums": [], "providers": [], "restated": []}, 0


@dataclass(frozen=True)
class Costs:
    """Reads sums of costs. A tenant without a dataset has none."""

    warehouse: Warehouse

    def read(self, tenant_id: str, request: CostRequest) -> tuple[Row, int]:
        """Read `sums`, `providers` and `restated`, the columns of the statement read_costs in costs.sql.

        It also returns the number of bytes that were read; BytesLimitExceeded if they would be too many. One job; two
        for a tenant whose dataset has no focus_billing_period yet.
        """
        values = {
            "first_date": request.first_date,
            "last_date": request.last_date,
            "previous_from": request.previous_from,
            "granularity": request.granularity,
            "filter_value": request.filtered[1] if request.filtered else None,
            "top": request.top,
            "restated_since": request.restated_since,
            "most_sums": MAX_SUMS + 1,
        }
        if request.tag is not None:
            values["tag_key"] = request.tag
        for final_days in ("final_days", "no_final_days"):
            try:
                return self._read_with(final_days, tenant_id, request, values)
            except Missing as error:
                if not error.is_in(tenant_id):
                    raise
                if not error.is_table(tenant_id, "focus_billing_period"):
                    break
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

    def _read_with(
        self, final_days: str, tenant_id: str, request: CostRequest, values: Mapping[str, Any]
    ) -> tuple[Row, int]:
        query, limit = costs_statement(request, final_days=final_days), JobOptions(max_bytes_billed=MAX_BYTES)
        (found,), bytes_read = self.warehouse.read_measured(query, values, dataset=tenant_id, options=limit)
        return found, bytes_read


def costs_statement(request: CostRequest, *, final_days: str = "final_days") -> Statement:
    """The statement that answers the request. It reads only the columns that it needs.

    `final_days` names the part that finds the sources' last final days.
    """
    column = None if request.tag is not None else GROUPS[request.group_by]
    filtered = request.filtered[0] if request.filtered else column or "ServiceName"
    return statement("costs", "read_costs").naming(
        group_name=column or statement("costs", "tag_value"),
        filter_column=filtered,
        metric=METRICS[request.metric],
        final_days=statement("costs", final_days),
    )
