"""Accepts manual pipeline runs, and backfills."""

import flask

from shared import bootstrap
from shared.domain.runs.acceptance import RunRequest
from shared.http import Answer, Routes, creation_answer
from shared.http.policies import UnprovedCall, unproved_key

routes = Routes("run_pipeline")


@routes.route("POST /api/v1/pipelines/run/{tenant_id}/{provider}/{domain}/{template}", policy=unproved_key, keyed=True)
def _run(call: UnprovedCall) -> Answer:
    """202 with the id of the run, or of a backfill and its runs; 200 for a preview.

    The policy does not prove the key: the use case's first read does.
    """
    return creation_answer(
        bootstrap.pipeline_requests().answer(call.caller, call.params, RunRequest(*call.body_user_and_key))
    )


def run_pipeline(request: flask.Request) -> flask.Response:
    """The function's entry point."""
    return routes.respond(request)
