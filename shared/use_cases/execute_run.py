"""One hop of one run: claim it, do what is left of it, say what came of it. Deliveries may repeat, work does not."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.adapters.bigquery.job_errors import DuplicateJob
from shared.adapters.google.tasks import Tasks
from shared.adapters.stores.events import RunEvents
from shared.adapters.stores.publish_jobs import PublishJobs, fence_of
from shared.configuration.templates import find_template
from shared.domain.credentials.notices import not_set_up
from shared.domain.requests.identifiers import pipeline_id_of
from shared.domain.runs.attempt import Begun, ClaimedRun, Ending, snapshot_of
from shared.domain.runs.delivery import Closing, RunTask
from shared.domain.runs.events import Kind, RunEvent
from shared.domain.templates.templates import resolve_parameters, source_of
from shared.errors import (
    ConfigError,
    ConvergenceError,
    CredentialsRejected,
    DependencyThrottled,
    ExecutorStuck,
    InvalidTemplate,
    RunCancelled,
    RunError,
    SourceChanged,
    SourceNotFound,
    told_by_bigquery,
)
from shared.pipeline.context import Hop, Services
from shared.pipeline.executor import Executor, classified
from shared.pipeline.heartbeat import heartbeats
from shared.pipeline.interrupted import interrupted_step
from shared.pipeline.journal import Journal, StepRecord
from shared.pipeline.stop_signal import Control, HandOver
from shared.pipeline.turn import await_own_publish
from shared.runtime import log
from shared.runtime.watchdog import Watchdog

_MESSAGE_LENGTH = 1000
_ON_REQUEST = Closing(status="CANCELLED", error_class=RunCancelled.error_class, error_message=RunCancelled().message)
_ENDED: Mapping[str, Kind] = {"COMPLETED": "SUCCEEDED", "FAILED": "FAILED", "CANCELLED": "CANCELLED"}


@dataclass(frozen=True)
class RunExecution:
    """Carries one delivery out; `execution_id` is this execution's, `clock` tells UTC time."""

    task: RunTask
    execution_id: str
    services: Services
    events: RunEvents
    tasks: Tasks
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    open_control: Callable[..., Control] = Control

    def execute(self) -> str:
        """What became of the delivery, in one word; raises only when it should be delivered again.

        A delivery that is still worked on when its time and grace are over takes this process with it.
        """
        settings = self.services.settings
        grace_seconds = settings.execution_grace_seconds
        seconds = settings.execution_budget_seconds + grace_seconds
        with Watchdog(seconds=seconds, grace_seconds=grace_seconds) as watchdog:
            return self._carry_out(watchdog)

    def _carry_out(self, watchdog: Watchdog) -> str:
        if self.task.closing:
            return self._end_for_good(self.task.closing)
        try:
            with log.bound(step_id="claim"):
                run = self.services.runs.claim(self.task, execution_id=self.execution_id)
        except DuplicateJob:
            return "DUPLICATE"
        if run is None or self._has_expired(run):
            return "STALE"
        watchdog.last_word = self._say_stuck
        return self._execute(run)

    def _say_stuck(self) -> None:
        stuck = ExecutorStuck()
        facts = {"error_class": stuck.error_class, "error_message": stuck.message}
        self._end("FAILED", outcome="FAILED", retryable=stuck.retryable, **facts)

    def _end_for_good(self, closing: Closing) -> str:
        """Close a run that no executor will end; under a lease, say how it ended: it may have been published."""
        if self.task.lease_id is None:
            ended = self._closed(closing, billed=None)  # what its executor did, if it had one, is not read here
            if ended.status != closing.status:
                log.error("run was settled before it was known how it ended", status=ended.status)
            return "CLOSED"
        with log.bound(step_id="close"):
            run = self.services.runs.find(self.task)
        if run is None:
            return "STALE"
        billed = Journal(run.checkpoints).bytes_billed
        ended = self._closed(_ON_REQUEST if run.is_cancel_requested else closing, billed=billed)
        self._log_interrupted(run, ended)
        if ended.status == "FAILED":
            facts = {"error_class": ended.error_class, "error_message": ended.error_message}
            return self._end("FAILED", outcome=ended.status, retryable=False, **facts)
        return self._end(_ENDED[ended.status], outcome=ended.status)

    def _closed(self, closing: Closing, *, billed: int | None) -> Ending:
        with log.bound(step_id="close"):
            return self.services.runs.close(self.task, closing, bytes_billed=billed)

    def _log_interrupted(self, run: ClaimedRun, ended: Ending) -> None:
        """Write what the silent executor did, and what it was doing when its run did not get published."""
        journal = Journal(run.checkpoints)
        record = None if ended.status == "COMPLETED" else self._interrupted(run, ended.error_message)
        if record:
            journal.add(self._append_step(record), record)
        self._write_log(run, journal)

    def _interrupted(self, run: ClaimedRun, reason: str | None) -> StepRecord | None:
        try:
            template = find_template(run.provider, run.domain, run.pipeline_template)
        except ConfigError as error:  # the run ends all the same
            log.error("template not loaded", exception=error)
            return None
        if template is None:
            return None
        attempt, closed_at = self.task.attempt, self.clock()
        return interrupted_step(template, run.checkpoints, attempt=attempt, closed_at=closed_at, reason=reason)

    def _has_expired(self, run: ClaimedRun) -> bool:
        lease = timedelta(seconds=self.services.settings.lease_seconds)
        signs = [item.occurred_at + lease for item in run.checkpoints if item.lease_id == self.task.lease_id]
        return run.read_at > max([run.lease_expires_at, *signs])

    def _execute(self, run: ClaimedRun) -> str:
        journal = Journal(run.checkpoints)
        self._append("CLAIMED", details={"hop": self.task.hop, "snapshot_at": run.read_at.isoformat()})
        try:
            return self._run(run, journal)
        except HandOver:
            return self._hand_over(run, journal)
        except ConvergenceError as error:
            failure = classified(error)
            return (
                self._pause(failure) if isinstance(failure, DependencyThrottled) else self._fail(run, journal, failure)
            )
        except Exception as error:  # noqa: BLE001 - a defect; without an event the run would wait for its lease to end
            log.error("run crashed", exception=error)
            return self._fail(run, journal, RunError("the run crashed; find its log by execution_id"))

    def _run(self, run: ClaimedRun, journal: Journal) -> str:
        settings, runs = self.services.settings, self.services.runs
        control = self.open_control(budget_seconds=settings.execution_budget_seconds)
        with heartbeats(
            control,
            every_seconds=settings.heartbeat_seconds,
            beat=lambda: self._append("HEARTBEAT"),
            signals=lambda: runs.signals(self.task),
        ):
            found = self._begin(run, control)
            if isinstance(found, Begun):
                return self._settle(run, journal, found)
            Executor(found, journal, record=self._append_step, clock=self.clock).run()
        self._write_log(run, journal)
        return self._end("SUCCEEDED", outcome="COMPLETED")

    def _begin(self, run: ClaimedRun, control: Control) -> Hop | Begun:
        """The hop, under the fence; what was found instead when the run has ended before."""
        template = find_template(run.provider, run.domain, run.pipeline_template)
        pipeline_id = pipeline_id_of(run.provider, run.domain, run.pipeline_template)
        source = source_of(template, run.parameters, run.credential_source) if template else None
        # Only for the source it was accepted for is a run the only one of its pipeline: it may fence no other.
        fenced = source if source == run.accepted_source else None
        begun = self._begun(run, pipeline_id, fenced, control)
        if begun.status in _ENDED:
            return begun
        if template is None:
            raise InvalidTemplate(f"there is no template for {pipeline_id}")
        if source is None and run.credential is None:
            raise CredentialsRejected(not_set_up(template.credentials))
        if source is None:
            raise SourceNotFound(f"neither the credential nor the run names a {template.source_parameter or 'source'}")
        if fenced is None:
            raise SourceChanged(f"the credential names {source}; the run was accepted for {run.accepted_source}")
        return Hop(
            task=self.task,
            run=run,
            template=template,
            parameters=resolve_parameters(template, run.parameters),
            source=source,
            begun=begun,
            snapshot_at=snapshot_of(run, begun.published_at),
            control=control,
            services=self.services,
        )

    def _begun(self, run: ClaimedRun, pipeline_id: str, source: str | None, control: Control) -> Begun:
        """The run's state once no publish of an earlier attempt can commit any more: what was published decides."""
        runs = self.services.runs
        with log.bound(step_id="begin"):
            begun = runs.begin(self.task, run, pipeline_id=pipeline_id, source=source)
            if source is None or begun.status in _ENDED:
                return begun
            jobs = PublishJobs(self.services.warehouse, self.task, fence_of(pipeline_id, source))
            turn = await_own_publish(jobs, begun.turn, control.pause_for_job)
            return runs.find_begun(self.task, pipeline_id=pipeline_id, source=source) if turn else begun

    def _settle(self, run: ClaimedRun, journal: Journal, begun: Begun) -> str:
        """An earlier delivery ended the run and was cut off before it could say so, or write its log."""
        log.info("run had ended", status=begun.status)
        self._write_log(run, journal)
        retryable = False if begun.status == "FAILED" else None
        return self._end(_ENDED[str(begun.status)], outcome=begun.status, retryable=retryable)

    def _hand_over(self, run: ClaimedRun, journal: Journal) -> str:
        self._write_log(run, journal)
        self._append("HANDED_OVER", details={"hop": self.task.hop})
        self.tasks.dispatch_runs([self.task.next_hop()])
        return "HANDED_OVER"

    def _pause(self, error: RunError) -> str:
        """Give the lease back: nothing is wrong with the run, and its attempt goes on when the quota is there again."""
        log.warning("run paused", error_message=error.message, cause=told_by_bigquery(error))
        return self._end("PAUSED", error_class=error.error_class, error_message=error.message[:_MESSAGE_LENGTH])

    def _fail(self, run: ClaimedRun, journal: Journal, error: RunError) -> str:
        message = error.message[:_MESSAGE_LENGTH]
        facts = {"error_class": error.error_class, "retryable": error.retryable, "error_message": message}
        log.warning("run failed", **facts, cause=told_by_bigquery(error))
        status = "CANCELLED" if isinstance(error, RunCancelled) else "FAILED"
        self._write_log(run, journal)
        is_last = not error.retryable or self.task.attempt > run.max_retries
        ended = self._close(run, status, error.error_class, message, journal.bytes_billed) if is_last else None
        if ended == "COMPLETED":
            return self._end("SUCCEEDED", outcome=ended)  # published before the error, or before the cancel
        if status == "CANCELLED" and ended:
            return self._end("CANCELLED", outcome=status)
        # A last attempt that cannot say how it ended, or a cancel that may have come too late, is no end: the
        # dispatcher asks whether the run was published.
        retryable = ended is None and (error.retryable or status == "CANCELLED")
        return self._end(
            "FAILED", outcome=status, retryable=retryable, error_class=error.error_class, error_message=message
        )

    def _close(self, run: ClaimedRun, status: str, error_class: str, message: str, billed: int) -> str | None:
        """How the run ended; None when another attempt took over, or when BigQuery does not say."""
        close = self.services.runs.close_attempt
        try:
            with log.bound(step_id="close"):
                return close(
                    self.task, run, status=status, error_class=error_class, error_message=message, bytes_billed=billed
                )
        except Exception as error:  # noqa: BLE001 - why the run ended counts for more; a closing task closes it once more
            log.warning("run row not closed", error_class=type(error).__name__)
            return None

    def _write_log(self, run: ClaimedRun, journal: Journal) -> None:
        try:
            with log.bound(step_id="log"):
                self.services.runs.log(self.task, run, steps=journal.step_rows(), checks=journal.check_rows())
        except Exception as error:  # noqa: BLE001 - what the run did is done; its events still tell
            log.error("step log not written", exception=error)

    def _append_step(self, record: StepRecord) -> str:
        return self._append("STEP", outcome=record.status, details=record.to_details())

    def _end(self, kind: Kind, **facts: Any) -> str:
        self._append(kind, **facts)
        self.tasks.kick()
        return kind

    def _append(self, kind: Kind, **facts: Any) -> str:
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
