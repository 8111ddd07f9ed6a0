"""Shows a tenant's costs: sums, later changes, and how they agree with the provider's invoices."""

import flask

from shared.bootstrap import tenant_costs
from shared.domain.cost_reconciliation import reconciliation_table
from shared.domain.costs import cost_table, restatement_table
from shared.http import Answer, CsvAnswer, Routes
from shared.http.policies import ReaderCall, tenant_reader

routes = Routes("costs")


@routes.on("GET /api/v1/costs/{tenant_id}", policy=tenant_reader)
def _show(call: ReaderCall) -> Answer | CsvAnswer:
    """200 with the sums of each billing currency, as JSON or CSV."""
    shown = tenant_costs().show(call.caller, call.query)
    if call.wants_csv:
        return CsvAnswer(*cost_table(shown["currencies"], group_by=shown["group_by"]))
    return Answer(200, shown)


@routes.on("GET /api/v1/costs/{tenant_id}/restatements", policy=tenant_reader)
def _show_restatements(call: ReaderCall) -> Answer | CsvAnswer:
    """200 with a page of the published days that changed, as JSON or CSV."""
    shown = tenant_costs().show_restatements(call.caller, call.query)
    return CsvAnswer(*restatement_table(shown["restatements"])) if call.wants_csv else Answer(200, shown)


@routes.on("GET /api/v1/costs/{tenant_id}/reconciliation", policy=tenant_reader)
def _show_reconciliation(call: ReaderCall) -> Answer | CsvAnswer:
    shown = tenant_costs().show_reconciliation(call.caller, call.query)
    return CsvAnswer(*reconciliation_table(shown["currencies"])) if call.wants_csv else Answer(200, shown)


def costs(request: flask.Request) -> flask.Response:
    """The function's entry point."""
    return routes.respond(request)
