"""Stores, lists and removes a tenant's cloud credentials."""

from dataclasses import asdict

import flask

from shared.bootstrap import credential_setup
from shared.domain.credentials.credentials import CredentialRequest
from shared.http import Answer, Routes
from shared.http.policies import TenantCall, tenant_api_key

routes = Routes("setup_credentials")
_COLLECTION = "/api/v1/tenants/{tenant_id}/credentials"


@routes.route(f"POST {_COLLECTION}", policy=tenant_api_key)
def store(call: TenantCall) -> Answer:
    """201 for a new credential, 200 for one that was replaced."""
    stored = credential_setup().store(call.caller.tenant_id, call.body_as(CredentialRequest), user_id=call.user_id)
    return Answer(201 if stored.action == "CREATED" else 200, asdict(stored))


@routes.route(f"GET {_COLLECTION}", policy=tenant_api_key)
def list_all(call: TenantCall) -> Answer:
    """What is stored, never a secret."""
    return Answer(200, {"credentials": credential_setup().list_all(call.caller.tenant_id)})


@routes.route(f"DELETE {_COLLECTION}/{{provider}}", policy=tenant_api_key)
def remove(call: TenantCall) -> Answer:
    """Remove the credential of one provider."""
    provider = call.params["provider"].upper()
    return Answer(200, credential_setup().remove(call.caller.tenant_id, provider, user_id=call.user_id))


def setup_credentials(request: flask.Request) -> flask.Response:
    """The function's entry point."""
    return routes.respond(request)
