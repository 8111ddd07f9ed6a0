"""Sends a message to a tenant's webhook. Cloud Tasks calls it."""

import flask

from shared.bootstrap import alert_sending
from shared.domain.alerts.tasks import SendTask
from shared.http import Answer, Routes
from shared.http.policies import PlatformCall, platform_caller

routes = Routes("send_alerts")


@routes.on("POST /api/v1/internal/alerts/send", policy=platform_caller)
def _send(call: PlatformCall) -> Answer:
    """200 with the outcome of the delivery. Any other status makes Cloud Tasks deliver it again."""
    return Answer(200, {"status": alert_sending().send(call.body_as(SendTask))})


def send_alerts(request: flask.Request) -> flask.Response:
    """The function's entry point."""
    return routes.respond(request)
