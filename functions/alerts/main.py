"""Sets a tenant's rules for alerts, shows its alerts, and tests its webhook."""

import flask

from shared.bootstrap import tenant_alerts
from shared.http import Answer, Routes
from shared.http.policies import ReaderCall, TenantCall, tenant_api_key, tenant_reader

routes = Routes("alerts")


@routes.on("GET /api/v1/alerts/{tenant_id}", policy=tenant_api_key)
def _show(call: TenantCall) -> Answer:
    return Answer(200, tenant_alerts().show(call.caller.tenant_id, call.query))


@routes.on("PUT /api/v1/alerts/{tenant_id}/budget", policy=tenant_reader)
@routes.on("PUT /api/v1/alerts/{tenant_id}/anomalies", policy=tenant_reader)
@routes.on("PUT /api/v1/alerts/{tenant_id}/webhook", policy=tenant_reader)
def _set(call: ReaderCall) -> Answer:
    return Answer(200, tenant_alerts().set_rule(call.caller, call.path, call.creation_request()))


@routes.on("DELETE /api/v1/alerts/{tenant_id}/budget", policy=tenant_api_key)
@routes.on("DELETE /api/v1/alerts/{tenant_id}/anomalies", policy=tenant_api_key)
@routes.on("DELETE /api/v1/alerts/{tenant_id}/webhook", policy=tenant_api_key)
def _remove(call: TenantCall) -> Answer:
    return Answer(200, tenant_alerts().remove_rule(call.caller.tenant_id, call.path))


@routes.on("POST /api/v1/alerts/{tenant_id}/webhook/test", policy=tenant_api_key)
def _test(call: TenantCall) -> Answer:
    return Answer(202, tenant_alerts().test_webhook(call.caller.tenant_id, call.json_object()))


def alerts(request: flask.Request) -> flask.Response:
    """The function's entry point."""
    return routes.respond(request)
