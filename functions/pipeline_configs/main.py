"""Makes, lists, changes, removes and previews a tenant's schedules. The first read of each route proves the key."""

import flask

from shared.bootstrap import tenant_schedules as schedules
from shared.http import Answer, Routes, creation_answer
from shared.http.policies import UnprovedCall, unproved_key

routes = Routes("pipeline_configs")


@routes.on("POST /api/v1/scheduler/customer/{tenant_id}/pipelines", policy=unproved_key, idempotency=True)
def _create(call: UnprovedCall) -> Answer:
    return creation_answer(schedules().create(call.caller, call.creation_request()))


@routes.on("GET /api/v1/scheduler/customer/{tenant_id}/pipelines", policy=unproved_key)
def _list_all(call: UnprovedCall) -> Answer:
    return Answer(200, schedules().list_all(call.caller, call.query))


@routes.on("PATCH /api/v1/scheduler/customer/{tenant_id}/pipelines/{config_id}", policy=unproved_key)
def _change(call: UnprovedCall) -> Answer:
    return Answer(200, schedules().change(call.caller, call.params["config_id"], call.json_object(), call.user_id))


@routes.on("DELETE /api/v1/scheduler/customer/{tenant_id}/pipelines/{config_id}", policy=unproved_key)
def _remove(call: UnprovedCall) -> Answer:
    return Answer(200, schedules().remove(call.caller, call.params["config_id"], call.user_id))


@routes.on("GET /api/v1/scheduler/customer/{tenant_id}/pipelines/{config_id}/preview", policy=unproved_key)
def _preview(call: UnprovedCall) -> Answer:
    return Answer(200, schedules().preview(call.caller, call.params["config_id"], call.query))


def pipeline_configs(request: flask.Request) -> flask.Response:
    """The function's entry point."""
    return routes.respond(request)
