"""Plans due schedules and queues their runs."""

import flask

from shared.bootstrap import schedule_trigger
from shared.domain.requests.parsing import NoBody
from shared.http import Answer, Routes
from shared.http.policies import PlatformCall, platform_caller

routes = Routes("trigger_due_pipelines")


@routes.on("POST /api/v1/scheduler/trigger", policy=platform_caller)
def _trigger(call: PlatformCall) -> Answer:
    """200 with the outcome of every due schedule."""
    call.body_as(NoBody)
    return Answer(200, schedule_trigger().queue_due_runs())


def trigger_due_pipelines(request: flask.Request) -> flask.Response:
    """The function's entry point."""
    return routes.respond(request)
