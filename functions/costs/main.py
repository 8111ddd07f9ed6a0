"""Shows a tenant's costs."""

import flask

from shared import bootstrap
from shared.http import Answer, Routes
from shared.http.policies import ReaderCall, tenant_reader

routes = Routes("costs")


@routes.route("GET /api/v1/costs/{tenant_id}", policy=tenant_reader)
def _show(call: ReaderCall) -> Answer:
    """200 with the sums of the days, by group and period."""
    return Answer(200, bootstrap.cost_questions().show(call.caller, call.query))


def costs(request: flask.Request) -> flask.Response:
    """The function's entry point."""
    return routes.respond(request)
