"""The store of a tenant's costs: sums over focus_cost, read in one job."""

from __future__ import annotations

from dataclasses import dataclass

from shared.adapters.bigquery.job_errors import Missing
from shared.adapters.bigquery.sql import Statement, statement
from shared.adapters.bigquery.warehouse import Row, Warehouse
from shared.domain.costs import GROUPS, METRICS, CostRequest


@dataclass(frozen=True)
class Costs:
    """Reads sums of costs. A tenant without a dataset has none."""

    warehouse: Warehouse

    def read(self, tenant_id: str, request: CostRequest) -> Row:
        """Read `sums`, `providers` and `restated`, the columns of the statement read_costs in costs.sql. One job."""
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
            (found,) = self.warehouse.read(costs_statement(request), values, dataset=tenant_id)
        except Missing as error:
            if not error.is_in(tenant_id):
                raise
            return {"sums": [], "providers": [], "restated": []}
        return found


def costs_statement(request: CostRequest) -> Statement:
    """The statement that answers the request. It reads only the columns that it needs."""
    column = None if request.tag is not None else GROUPS[request.group_by]
    filtered = request.filtered[0] if request.filtered else column or "ServiceName"
    return statement("costs", "read_costs").naming(
        group_name=column or statement("costs", "tag_value"),
        filter_column=filtered,
        metric=METRICS[request.metric],
    )
