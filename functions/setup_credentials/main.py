"""Stores, tries, lists and removes a tenant's cloud credentials, and returns the guide to set them up in a cloud."""

import flask

from shared.bootstrap import credential_setup as setup
from shared.http import Answer, Routes, creation_answer
from shared.http.policies import TenantCall, tenant_api_key

routes, _ALL = Routes("setup_credentials"), "/api/v1/tenants/{tenant_id}/credentials"


@routes.route(f"POST {_ALL}", policy=tenant_api_key)
def _store(call: TenantCall) -> Answer:
    return creation_answer(setup().store(call.caller.tenant_id, call.json_object(), call.query, user_id=call.user_id))


@routes.route(f"POST {_ALL}/{{provider}}/verify", policy=tenant_api_key)
def _verify(call: TenantCall) -> Answer:
    return Answer(200, setup().verify(call.caller.tenant_id, call.params["provider"], call.json_object()))


@routes.route(f"GET {_ALL}", policy=tenant_api_key)
def _list_all(call: TenantCall) -> Answer:
    return Answer(200, {"credentials": setup().list_all(call.caller.tenant_id)})


@routes.route(f"GET {_ALL}/setup", policy=tenant_api_key)
def _guide(call: TenantCall) -> Answer:
    return Answer(200, setup().guide(call.caller.tenant_id, call.query))


@routes.route(f"DELETE {_ALL}/{{provider}}", policy=tenant_api_key)
def _remove(call: TenantCall) -> Answer:
    return Answer(200, setup().remove(call.caller.tenant_id, call.params["provider"], user_id=call.user_id))


def setup_credentials(request: flask.Request) -> flask.Response:
    """The function's entry point."""
    return routes.respond(request)
