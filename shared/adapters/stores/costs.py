"""The store of a tenant's costs: sums over focus_cost, read in one job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.adapters.bigquery.job_errors import Missing
from shared.adapters.bigquery.sql import Statement, statement
from shared.adapters.bigquery.warehouse import Row, Warehouse
from shared.domain.costs import GROUPS, METRICS, CostRequest, RestatementsRequest
from shared.domain.requests.paging import find_place

_NOTHING: Row = {"sums": [], "providers": [], "restated": []}


@dataclass(frozen=True)
class Costs:
    """Reads sums of costs. A tenant without a dataset has none."""

    warehouse: Warehouse

    def read(self, tenant_id: str, request: CostRequest) -> Row:
        """Read `sums`, `providers` and `restated`, the columns of the statement read_costs in costs.sql.

        One job; two for a tenant whose dataset has no focus_billing_period yet.
        """
        values = {
            "first_date": request.first_date,
            "last_date": request.last_date,
            "previous_from": request.previous_from,
            "granularity": request.granularity,
            "filter_value": request.filtered[1] if request.filtered else None,
            "top": request.top,
            "restated_since": request.restated_since,
        }
        if request.tag is not None:
            values["tag_key"] = request.tag
        try:
            return self._read_with("final_days", tenant_id, request, values)
        except Missing as error:
            if not error.is_in(tenant_id):
                raise
            if not error.is_table(tenant_id, "focus_billing_period"):
                return _NOTHING
        try:
            return self._read_with("no_final_days", tenant_id, request, values)
        except Missing as error:
            if not error.is_in(tenant_id):
                raise
            return _NOTHING

    def list_restatements(self, tenant_id: str, request: RestatementsRequest) -> list[Row]:
        """A page of changed days and one row more, the latest change first. One job.

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
            return self.warehouse.read(statement("costs", "list_restatements"), values, dataset=tenant_id)
        except Missing as error:
            if not error.is_in(tenant_id):
                raise
            return []

    def _read_with(self, final_days: str, tenant_id: str, request: CostRequest, values: Mapping[str, Any]) -> Row:
        query = costs_statement(request, final_days=final_days)
        (found,) = self.warehouse.read(query, values, dataset=tenant_id)
        return found


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
