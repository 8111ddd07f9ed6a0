"""Accepts manual pipeline runs, and backfills."""

import flask

from shared import bootstrap
from shared.configuration.templates import get_template
from shared.domain.runs.acceptance import RunRequest
from shared.domain.runs.backfill import asks_for_backfill
from shared.http import Answer, Call, Routes, made
from shared.http.policies import presented_key

routes = Routes("run_pipeline")


@routes.route("POST /api/v1/pipelines/run/{tenant_id}/{provider}/{domain}/{template}", policy=presented_key, keyed=True)
def run(call: Call) -> Answer:
    """202 with the id of the run, or of each month's; its first read proves the key."""
    requests, request = bootstrap.run_requests(), RunRequest(*call.asked)
    with bootstrap.backfills().turn(call.caller, request):
        standing = requests.require_standing(call.caller)
        template = get_template(call.params["provider"], call.params["domain"], call.params["template"])
        if asks_for_backfill(request.body):
            return made(bootstrap.backfills().answer(standing, template, request))
    return made(requests.start(standing, template, request))


def run_pipeline(request: flask.Request) -> flask.Response:
    """The function's entry point."""
    return routes.respond(request)
