"""Shows, cancels and repeats a tenant's runs, and cancels backfills; a retry's own first read proves the key."""

import flask

from shared.bootstrap import pipeline_runs as runs
from shared.http import Answer, Call, Routes, made
from shared.http.policies import presented_key, tenant_api_key, tenant_reader

routes = Routes("pipeline_runs")


@routes.route("GET /api/v1/pipelines/runs/{tenant_id}", policy=tenant_reader)
def _list_runs(call: Call) -> Answer:
    return Answer(200, runs().list_runs(call.caller, call.query))


@routes.route("GET /api/v1/pipelines/runs/{tenant_id}/{pipeline_logging_id}", policy=tenant_reader)
def _get_run(call: Call) -> Answer:
    return Answer(200, runs().get_run(call.caller, call.params["pipeline_logging_id"]))


@routes.route("POST /api/v1/pipelines/runs/{tenant_id}/{pipeline_logging_id}/cancel", policy=tenant_api_key)
def _cancel(call: Call) -> Answer:
    return Answer(202, runs().cancel(call.caller.tenant_id, call.params["pipeline_logging_id"], call.json_object()))


@routes.route("POST /api/v1/pipelines/backfills/{tenant_id}/{backfill_id}/cancel", policy=tenant_api_key)
def _cancel_backfill(call: Call) -> Answer:
    return Answer(202, runs().cancel_backfill(call.caller.tenant_id, call.params["backfill_id"], call.json_object()))


@routes.route("POST /api/v1/pipelines/runs/{tenant_id}/{pipeline_logging_id}/retry", policy=presented_key, keyed=True)
def _retry(call: Call) -> Answer:
    return made(runs().retry(call.caller, call.params["pipeline_logging_id"], *call.asked))


def pipeline_runs(request: flask.Request) -> flask.Response:
    """The function's entry point."""
    return routes.respond(request)
