"""The dispatcher: settles, rescues, cancels and admits runs."""

import flask
from pydantic import BaseModel, ConfigDict, Field

from shared.bootstrap import dispatcher
from shared.domain.dispatching.dispatch import DEFAULT_MAX_RUNS
from shared.http import Answer, Routes
from shared.http.policies import PlatformCall, platform_caller

routes = Routes("process_queue")


class ProcessQueueBody(BaseModel):
    """The body of process-queue: the number of runs that one call may admit."""

    model_config = ConfigDict(extra="forbid")

    max_runs: int = Field(default=DEFAULT_MAX_RUNS, ge=1, le=10_000, strict=True)


@routes.on("POST /api/v1/scheduler/process-queue", policy=platform_caller)
def _process(call: PlatformCall) -> Answer:
    """200 with the changes of the call."""
    max_runs = call.body_as(ProcessQueueBody).max_runs
    return Answer(200, dispatcher().process(max_runs=max_runs))


def process_queue(request: flask.Request) -> flask.Response:
    """The function's entry point."""
    return routes.respond(request)
