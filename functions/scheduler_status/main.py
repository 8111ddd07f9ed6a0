"""Shows operators the scheduler's status."""

import flask

from shared.bootstrap import platform_status
from shared.http import Answer, Routes
from shared.http.policies import PlatformCall, platform_caller

routes = Routes("scheduler_status")


@routes.on("GET /api/v1/scheduler/status", policy=platform_caller)
def _status(_: PlatformCall) -> Answer:
    """200 with queue, outcomes, limits, jobs and overdue work."""
    return Answer(200, platform_status().show())


def scheduler_status(request: flask.Request) -> flask.Response:
    """The function's entry point."""
    return routes.respond(request)
