"""Compares a tenant's rules for alerts with its costs. Cloud Tasks calls it after each publish."""

import flask

from shared.bootstrap import alert_evaluation
from shared.domain.alerts.tasks import EvaluateTask
from shared.http import Answer, Routes
from shared.http.policies import PlatformCall, platform_caller

routes = Routes("evaluate_alerts")


@routes.on("POST /api/v1/internal/alerts/evaluate", policy=platform_caller)
def _evaluate(call: PlatformCall) -> Answer:
    """200 with the outcome of the delivery. Any other status makes Cloud Tasks deliver it again."""
    return Answer(200, {"status": alert_evaluation().evaluate(call.body_as(EvaluateTask))})


def evaluate_alerts(request: flask.Request) -> flask.Response:
    """The function's entry point."""
    return routes.respond(request)
