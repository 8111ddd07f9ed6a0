"""Accepts manual runs and backfills, and shows how much of a tenant's limits is left.

The policy `unproved_key` does not prove the key: the first read of the use case does, which saves a job.
"""

import flask

from shared.bootstrap import run_requests, tenant_usage
from shared.http import Answer, Routes, creation_answer
from shared.http.policies import TenantCall, UnprovedCall, tenant_api_key, unproved_key
from shared.use_cases.list_pipelines import list_pipelines

routes = Routes("run_pipeline")


@routes.on(
    "POST /api/v1/pipelines/run/{tenant_id}/{provider}/{domain}/{template}", policy=unproved_key, idempotency=True
)
def _run(call: UnprovedCall) -> Answer:
    """202 with the ids of the queued runs; 200 for a preview."""
    return creation_answer(run_requests().accept_or_preview(call.caller, call.params, call.creation_request()))


@routes.on("GET /api/v1/usage/{tenant_id}", policy=unproved_key)
def _show_usage(call: UnprovedCall) -> Answer:
    """200 with the tenant's limits, today's usage and its runs in the queue."""
    return Answer(200, tenant_usage().show(call.caller, call.query))


@routes.on("GET /api/v1/pipelines/{tenant_id}", policy=tenant_api_key)
def _list_pipelines(_: TenantCall) -> Answer:
    """200 with the pipelines that a run or a schedule may name, and their parameters."""
    return Answer(200, list_pipelines())


def run_pipeline(request: flask.Request) -> flask.Response:
    """The function's entry point."""
    return routes.respond(request)
