"""Stores how a tenant's costs are shown: its virtual tags."""

import flask

from shared.bootstrap import virtual_tags
from shared.http import Answer, Routes
from shared.http.policies import TenantCall, tenant_api_key

routes = Routes("cost_settings")


@routes.on("GET /api/v1/costs/{tenant_id}/virtual-tags", policy=tenant_api_key)
def _list_tags(call: TenantCall) -> Answer:
    return Answer(200, virtual_tags().list_all(call.caller.tenant_id))


@routes.on("PUT /api/v1/costs/{tenant_id}/virtual-tags/{name}", policy=tenant_api_key)
def _replace_tag(call: TenantCall) -> Answer:
    name, body = call.params["name"], call.json_object()
    return Answer(200, virtual_tags().replace(call.caller.tenant_id, name, body, user_id=call.user_id))


@routes.on("DELETE /api/v1/costs/{tenant_id}/virtual-tags/{name}", policy=tenant_api_key)
def _remove_tag(call: TenantCall) -> Answer:
    return Answer(200, virtual_tags().remove(call.caller.tenant_id, call.params["name"]))


def cost_settings(request: flask.Request) -> flask.Response:
    """The function's entry point."""
    return routes.respond(request)
