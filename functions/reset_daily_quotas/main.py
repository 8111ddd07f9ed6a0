"""Archives and resets finished days of usage."""

import flask

from shared.bootstrap import quota_reset
from shared.domain.requests.parsing import NoBody
from shared.http import Answer, Routes
from shared.http.policies import PlatformCall, platform_caller

routes = Routes("reset_daily_quotas")


@routes.on("POST /api/v1/scheduler/reset-daily-quotas", policy=platform_caller)
def _reset(call: PlatformCall) -> Answer:
    """200 with the numbers of reset and archived records."""
    call.body_as(NoBody)
    return Answer(200, quota_reset().reset())


def reset_daily_quotas(request: flask.Request) -> flask.Response:
    """The function's entry point."""
    return routes.respond(request)
