"""An executor that claims a run, begins it, and works in the test's process."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime

from shared.domain.runs.delivery import RunTask
from shared.domain.templates.templates import Template, resolve_parameters, source_of
from shared.pipeline.context import HopContext, Services
from shared.pipeline.executor import Executor
from shared.pipeline.journal import Journal
from shared.pipeline.plan import PlannedStep, plan_steps
from shared.pipeline.stop_signal import StopSignal


class Hurried(StopSignal):
    """Does not wait between two tries of a step."""

    def pause(self, seconds: float) -> None:
        super().pause(min(seconds, 0.05))


def unrecorded(hop: HopContext) -> Executor:
    """An executor in this process that appends no STEP events."""
    return Executor(hop, Journal([]), record=lambda _: uuid.uuid4().hex, clock=lambda: datetime.now(UTC))


def begun_hop(task: RunTask, services: Services, template: Template) -> HopContext:
    """Claim and begin a run in this process, and return its hop."""
    run = services.runs.claim(task, execution_id=uuid.uuid4().hex)
    assert run is not None
    source = source_of(template, run.parameters, run.credential_source)
    assert source is not None
    return HopContext(
        task=task,
        run=run,
        template=template,
        parameters=resolve_parameters(template, run.parameters),
        source=source,
        begun=services.runs.begin(task, run, pipeline_id=template.pipeline_id, source=source),
        snapshot_at=run.read_at,
        stop_signal=Hurried(budget_seconds=300),
        services=services,
    )


def planned_steps(hop: HopContext) -> Sequence[PlannedStep]:
    """The steps that the executor plans in this hop."""
    return plan_steps(
        hop.template,
        tenant_id=hop.task.tenant_id,
        parameters=hop.parameters,
        source=hop.source,
        snapshot_at=hop.snapshot_at,
        watermark=hop.begun.watermark,
    )
