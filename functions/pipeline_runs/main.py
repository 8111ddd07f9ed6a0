"""Shows, cancels and repeats a tenant's runs."""

import flask

from shared.bootstrap import pipeline_runs as runs
from shared.endpoint import Answer, Call, Routes
from shared.policies import presented_key, tenant_api_key

routes = Routes("pipeline_runs")
_RUN = "/api/v1/pipelines/runs/{tenant_id}/{pipeline_logging_id}"


@routes.route("GET /api/v1/pipelines/runs/{tenant_id}", policy=tenant_api_key)
def list_runs(call: Call) -> Answer:
    """A page of runs, newest first."""
    return Answer(200, runs().list_runs(call.caller.tenant_id, call.query))


@routes.route(f"GET {_RUN}", policy=tenant_api_key)
def get_run(call: Call) -> Answer:
    """One run with all that is known of it."""
    return Answer(200, runs().get_run(call.caller.tenant_id, call.params["pipeline_logging_id"]))


@routes.route(f"POST {_RUN}/cancel", policy=tenant_api_key)
def cancel(call: Call) -> Answer:
    """202: the end was asked for."""
    return Answer(202, runs().cancel(call.caller.tenant_id, call.params["pipeline_logging_id"], call.json_object()))


@routes.route(f"POST {_RUN}/retry", policy=presented_key)
def retry(call: Call) -> Answer:
    """202 with the new run."""
    return Answer(202, runs().retry(call.caller, call.params["pipeline_logging_id"], call.json_object(), call.user_id))


def pipeline_runs(request: flask.Request) -> flask.Response:
    """The function's entry point."""
    return routes.respond(request)
