"""Stores, tries, lists and removes a tenant's cloud credentials, and returns the guide to set them up in a cloud."""

import flask

from shared.bootstrap import credential_setup, stored_credentials
from shared.http import Answer, Routes, creation_answer
from shared.http.policies import TenantCall, tenant_api_key

routes = Routes("setup_credentials")


@routes.on("POST /api/v1/tenants/{tenant_id}/credentials", policy=tenant_api_key)
def _store(call: TenantCall) -> Answer:
    return creation_answer(credential_setup().store(call.caller.tenant_id, call.creation_request(), call.query))


@routes.on("POST /api/v1/tenants/{tenant_id}/credentials/{provider}/verify", policy=tenant_api_key)
def _verify(call: TenantCall) -> Answer:
    return Answer(200, stored_credentials().verify(call.caller.tenant_id, call.params["provider"], call.json_object()))


@routes.on("GET /api/v1/tenants/{tenant_id}/credentials", policy=tenant_api_key)
def _list_all(call: TenantCall) -> Answer:
    return Answer(200, {"credentials": stored_credentials().list_all(call.caller.tenant_id)})


@routes.on("GET /api/v1/tenants/{tenant_id}/credentials/setup", policy=tenant_api_key)
def _guide(call: TenantCall) -> Answer:
    return Answer(200, stored_credentials().guide(call.caller.tenant_id, call.query))


@routes.on("DELETE /api/v1/tenants/{tenant_id}/credentials/{provider}", policy=tenant_api_key)
def _remove(call: TenantCall) -> Answer:
    return Answer(200, credential_setup().remove(call.caller.tenant_id, call.params["provider"], user_id=call.user_id))


def setup_credentials(request: flask.Request) -> flask.Response:
    """The function's entry point."""
    return routes.respond(request)
