"""Reports an attempt: appends its events, and writes the tenant's step log."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from shared.adapters.google.alert_tasks import EvaluationTasks
from shared.adapters.google.tasks import Tasks
from shared.adapters.stores.events import RunEvents
from shared.adapters.stores.runs import Runs
from shared.domain.runs.attempt import ClaimedRun
from shared.domain.runs.delivery import RunTask
from shared.domain.runs.events import Kind, RunEvent
from shared.pipeline.journal import Journal, StepRecord
from shared.runtime import log


@dataclass(frozen=True)
class AttemptReport:
    """Appends the events of one delivery. `execution_id` names this execution; `clock` returns the UTC time."""

    task: RunTask
    execution_id: str
    runs: Runs
    events: RunEvents
    tasks: Tasks
    evaluations: EvaluationTasks
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def append(self, kind: Kind, **facts: Any) -> str:
        """Append an event of this attempt, and return the event's id."""
        event = RunEvent(
            run_id=self.task.run_id,
            tenant_id=self.task.tenant_id,
            kind=kind,
            occurred_at=self.clock(),
            event_id=uuid.uuid4().hex,
            lease_id=self.task.lease_id,
            execution_id=self.execution_id,
            attempt=self.task.attempt,
            **facts,
        )
        self.events.append([event])
        return event.event_id

    def append_step(self, record: StepRecord) -> str:
        """Append a step's event, which is a checkpoint, and return the event's id."""
        return self.append("STEP", outcome=record.status, details=record.to_details())

    def append_end(self, kind: Kind, **facts: Any) -> str:
        """Append the event that ends the lease, wake the dispatcher, and return the event's kind.

        A published run's alerts are asked for first. If this process dies before the event, whoever reports the run's
        end asks again. If Cloud Tasks does not take the task, the clean-up finds the event without an evaluation.
        """
        if kind == "SUCCEEDED":
            self.evaluations.request(self.task.tenant_id)
        self.append(kind, **facts)
        self.tasks.kick()
        return kind

    def write_log(self, run: ClaimedRun, journal: Journal) -> None:
        """Write the attempt's steps and checks into the tenant's dataset. A failure is logged and never raised."""
        try:
            with log.bound(step_id="log"):
                self.runs.log(self.task, run, steps=journal.step_rows(), checks=journal.check_rows())
        except Exception as error:  # noqa: BLE001 - the run's work is done, and its events show it
            log.error("step log not written", exception=error)
