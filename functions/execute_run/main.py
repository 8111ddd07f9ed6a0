"""Executes one hop of one run; called by Cloud Tasks."""

import flask

from shared import bootstrap, log
from shared.endpoint import Answer, Call, Routes
from shared.policies import platform_caller
from shared.use_cases.execute_run import Delivery

routes = Routes("execute_run")


@routes.route("POST /api/v1/internal/execute", policy=platform_caller)
def execute(call: Call) -> Answer:
    """200 with what became of the delivery; anything else means: deliver it again."""
    task = call.body_as(Delivery).to_task()
    log.bind(tenant_id=task.tenant_id, run_id=task.run_id, lease_id=task.lease_id, attempt=task.attempt, hop=task.hop)
    return Answer(200, {"status": bootstrap.run_execution(task, execution_id=call.request_id).execute()})


def execute_run(request: flask.Request) -> flask.Response:
    """The function's entry point."""
    return routes.respond(request)
