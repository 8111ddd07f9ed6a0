"""Stores how a tenant's costs are shown: its virtual tags and its exchange rates."""

import flask

from shared.bootstrap import exchange_rates, virtual_tags
from shared.http import Answer, Routes
from shared.http.policies import TenantCall, tenant_api_key

routes = Routes("cost_settings")


@routes.on("GET /api/v1/costs/{tenant_id}/virtual-tags", policy=tenant_api_key)
def _list_tags(call: TenantCall) -> Answer:
    return Answer(200, virtual_tags().list_all(call.caller.tenant_id))


@routes.on("PUT /api/v1/costs/{tenant_id}/virtual-tags/{name}", policy=tenant_api_key)
def _replace_tag(call: TenantCall) -> Answer:
    return Answer(200, virtual_tags().replace(call.caller.tenant_id, call.params["name"], call.creation_request()))


@routes.on("DELETE /api/v1/costs/{tenant_id}/virtual-tags/{name}", policy=tenant_api_key)
def _remove_tag(call: TenantCall) -> Answer:
    return Answer(200, virtual_tags().remove(call.caller.tenant_id, call.params["name"]))


@routes.on("GET /api/v1/costs/{tenant_id}/rates", policy=tenant_api_key)
def _list_rates(call: TenantCall) -> Answer:
    return Answer(200, exchange_rates().list_all(call.caller.tenant_id))


@routes.on("PUT /api/v1/costs/{tenant_id}/rates/{month}", policy=tenant_api_key)
def _set_rates(call: TenantCall) -> Answer:
    return Answer(200, exchange_rates().set(call.caller.tenant_id, call.params["month"], call.creation_request()))


def cost_settings(request: flask.Request) -> flask.Response:
    """The function's entry point."""
    return routes.respond(request)
