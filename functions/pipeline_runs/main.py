"""Shows, cancels and retries a tenant's runs, and cancels backfills. The first read of a retry proves the key."""

import flask

from shared.bootstrap import tenant_runs as runs
from shared.http import Answer, Routes, creation_answer, run_answer
from shared.http.policies import ReaderCall, TenantCall, UnprovedCall, tenant_api_key, tenant_reader, unproved_key

routes = Routes("pipeline_runs")


@routes.on("GET /api/v1/pipelines/runs/{tenant_id}", policy=tenant_reader)
def _list_runs(call: ReaderCall) -> Answer:
    return Answer(200, runs().list_runs(call.caller, call.query))


@routes.on("GET /api/v1/pipelines/runs/{tenant_id}/{pipeline_logging_id}", policy=tenant_reader)
def _get_run(call: ReaderCall) -> Answer:
    return run_answer(runs().get_run(call.caller, call.params["pipeline_logging_id"]))


@routes.on("POST /api/v1/pipelines/runs/{tenant_id}/{pipeline_logging_id}/cancel", policy=tenant_api_key)
def _cancel(call: TenantCall) -> Answer:
    return Answer(202, runs().cancel(call.caller.tenant_id, call.params["pipeline_logging_id"], call.json_object()))


@routes.on("POST /api/v1/pipelines/backfills/{tenant_id}/{backfill_id}/cancel", policy=tenant_api_key)
def _cancel_backfill(call: TenantCall) -> Answer:
    return Answer(202, runs().cancel_backfill(call.caller.tenant_id, call.params["backfill_id"], call.json_object()))


@routes.on("POST /api/v1/pipelines/runs/{tenant_id}/{pipeline_logging_id}/retry", policy=unproved_key, idempotency=True)
def _retry(call: UnprovedCall) -> Answer:
    return creation_answer(runs().retry(call.caller, call.params["pipeline_logging_id"], call.creation_request()))


def pipeline_runs(request: flask.Request) -> flask.Response:
    """The function's entry point."""
    return routes.respond(request)
