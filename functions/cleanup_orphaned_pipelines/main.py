"""Cleans up after executors and dispatchers that died."""

import flask

from shared.bootstrap import orphan_cleanup
from shared.domain.requests.parsing import NoBody
from shared.http import Answer, Routes
from shared.http.policies import PlatformCall, platform_caller

routes = Routes("cleanup_orphaned_pipelines")


@routes.on("POST /api/v1/scheduler/cleanup-orphaned-pipelines", policy=platform_caller)
def _clean_up(call: PlatformCall) -> Answer:
    """200 with the numbers of runs and tables that were cleaned up."""
    call.body_as(NoBody)
    return Answer(200, orphan_cleanup().clean_up())


def cleanup_orphaned_pipelines(request: flask.Request) -> flask.Response:
    """The function's entry point."""
    return routes.respond(request)
