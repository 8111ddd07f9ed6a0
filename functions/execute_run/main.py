"""Executes one hop of one run, or closes runs without an executor. Cloud Tasks calls it."""

import uuid

import flask

from shared.bootstrap import run_closing, run_execution
from shared.domain.runs.delivery import CloseTask, RunTask
from shared.http import Answer, Routes
from shared.http.policies import PlatformCall, platform_caller
from shared.runtime import log

routes = Routes("execute_run")


@routes.on("POST /api/v1/internal/execute", policy=platform_caller)
def _execute(call: PlatformCall) -> Answer:
    """200 with the outcome of the delivery. Any other status makes Cloud Tasks deliver it again."""
    task = call.body_as(RunTask)
    execution_id = uuid.uuid4().hex  # not the X-Request-ID, which several deliveries may share
    log.bind(execution_id=execution_id, **task.model_dump(exclude={"closing"}))
    return Answer(200, {"status": run_execution(task, execution_id=execution_id).execute()})


@routes.on("POST /api/v1/internal/close", policy=platform_caller)
def _close(call: PlatformCall) -> Answer:
    """200 with the outcome of the delivery. Any other status makes Cloud Tasks deliver it again."""
    return Answer(200, {"status": run_closing().close(call.body_as(CloseTask))})


def execute_run(request: flask.Request) -> flask.Response:
    """The function's entry point."""
    return routes.respond(request)
