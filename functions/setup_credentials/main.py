"""Stores, lists and removes a tenant's cloud credentials, and says what to paste into a cloud."""

from dataclasses import asdict

import flask

from shared.bootstrap import credential_setup
from shared.domain.credentials.credentials import CredentialRequest
from shared.http import Answer, Routes
from shared.http.policies import TenantCall, tenant_api_key

routes = Routes("setup_credentials")
_COLLECTION = "/api/v1/tenants/{tenant_id}/credentials"


@routes.route(f"POST {_COLLECTION}", policy=tenant_api_key)
def _store(call: TenantCall) -> Answer:
    stored = credential_setup().store(call.caller.tenant_id, call.body_as(CredentialRequest), user_id=call.user_id)
    return Answer(201 if stored.action == "CREATED" else 200, asdict(stored))


@routes.route(f"GET {_COLLECTION}", policy=tenant_api_key)
def _list_all(call: TenantCall) -> Answer:
    return Answer(200, {"credentials": credential_setup().list_all(call.caller.tenant_id)})


@routes.route(f"GET {_COLLECTION}/setup", policy=tenant_api_key)
def _guide(call: TenantCall) -> Answer:
    return Answer(200, asdict(credential_setup().guide(call.caller.tenant_id, call.query)))


@routes.route(f"DELETE {_COLLECTION}/{{provider}}", policy=tenant_api_key)
def _remove(call: TenantCall) -> Answer:
    return Answer(200, credential_setup().remove(call.caller.tenant_id, call.params["provider"], user_id=call.user_id))


def setup_credentials(request: flask.Request) -> flask.Response:
    """The function's entry point."""
    return routes.respond(request)
