"""An executor that stops between its last look at the lease and its publish: says so, and goes on when told to.

    python -m tests.e2e.execution.paused_publish TASK_JSON

It prints PAUSED, waits for a line on standard input, publishes, and prints what came of it.
"""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from shared import bootstrap
from shared.adapters.tasks import RunTask
from shared.domain.templates import Template, resolve_parameters, source_of
from shared.errors import RunError
from shared.pipeline.control import Control
from shared.pipeline.executor import Executor
from shared.pipeline.hop import Hop, Services
from shared.pipeline.journal import Journal
from shared.pipeline.plan import PlannedStep, plan_steps
from shared.templates import get_template


def main() -> None:
    template = get_template("gcp", "cost", "billing")
    hop = begun_hop(RunTask(**json.loads(sys.argv[1])), bootstrap.executor_services(), template)
    try:
        unrecorded(hop, listen=pause).run()
    except RunError as error:
        print(error.error_class, error.message, flush=True)
    else:
        print("PUBLISHED", flush=True)


def pause() -> None:
    """Where the executor last listens before it publishes."""
    print("PAUSED", flush=True)
    sys.stdin.readline()


def unrecorded(hop: Hop, *, listen: Callable[[], None] = lambda: None) -> Executor:
    """An executor of one's own that appends no STEP events; `listen` is called before it publishes."""
    return Executor(hop, Journal([]), record=lambda _: uuid.uuid4().hex, listen=listen, clock=lambda: datetime.now(UTC))


def begun_hop(task: RunTask, services: Services, template: Template) -> Hop:
    """The hop of an executor of one's own, which has claimed the run and begun it."""
    run = services.runs.claim(task, execution_id=uuid.uuid4().hex)
    assert run is not None
    source = source_of(template, run.parameters, run.credential_source)
    assert source is not None
    return Hop(
        task=task,
        run=run,
        template=template,
        parameters=resolve_parameters(template, run.parameters),
        source=source,
        begun=services.runs.begin(task, run, pipeline_id=template.pipeline_id, source=source),
        snapshot_at=run.read_at,
        control=Control(budget_seconds=300),
        services=services,
    )


def planned_steps(hop: Hop) -> Sequence[PlannedStep]:
    """What the executor plans to do in this hop."""
    return plan_steps(
        hop.template,
        tenant_id=hop.task.tenant_id,
        parameters=hop.parameters,
        source=hop.source,
        snapshot_at=hop.snapshot_at,
        watermark=hop.begun.watermark,
    )


if __name__ == "__main__":
    main()
