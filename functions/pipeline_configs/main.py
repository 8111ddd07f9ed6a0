"""Makes, lists, changes, removes and previews a tenant's schedules."""

import flask

from shared.bootstrap import pipeline_configs as configs
from shared.endpoint import Answer, Call, Routes
from shared.policies import presented_key

routes = Routes("pipeline_configs")
_COLLECTION = "/api/v1/scheduler/customer/{tenant_id}/pipelines"
_CONFIG = f"{_COLLECTION}/{{config_id}}"


@routes.route(f"POST {_COLLECTION}", policy=presented_key)
def create(call: Call) -> Answer:
    """201 with the schedule's id and its first tick."""
    key = call.idempotency_key
    return Answer(201, configs().create(call.caller, call.json_object(), user_id=call.user_id, idempotency_key=key))


@routes.route(f"GET {_COLLECTION}", policy=presented_key)
def list_all(call: Call) -> Answer:
    """A page of schedules, newest first."""
    return Answer(200, configs().list_all(call.caller, call.query))


@routes.route(f"PATCH {_CONFIG}", policy=presented_key)
def change(call: Call) -> Answer:
    """200 with the schedule as it is now."""
    config_id, body = call.params["config_id"], call.json_object()
    return Answer(200, configs().change(call.caller, config_id, body, user_id=call.user_id))


@routes.route(f"DELETE {_CONFIG}", policy=presented_key)
def remove(call: Call) -> Answer:
    """200: the schedule is gone, the end of its waiting runs was asked for."""
    return Answer(200, configs().remove(call.caller, call.params["config_id"], user_id=call.user_id))


@routes.route(f"GET {_CONFIG}/preview", policy=presented_key)
def preview(call: Call) -> Answer:
    """When it fires next."""
    return Answer(200, configs().preview(call.caller, call.params["config_id"], call.query))


def pipeline_configs(request: flask.Request) -> flask.Response:
    """The function's entry point."""
    return routes.respond(request)
