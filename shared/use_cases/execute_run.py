"""Executes one delivery: claims the run, runs its remaining steps, reports its end. A repeated one does nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from shared.adapters.bigquery.job_errors import DuplicateJob
from shared.domain.runs.attempt import Begun, ClaimedRun
from shared.domain.runs.delivery import RunTask
from shared.errors import ConvergenceError, DependencyThrottled, ExecutorStuck, RunError
from shared.pipeline.begin import begin_hop
from shared.pipeline.context import HopContext, Services
from shared.pipeline.executor import Executor, classified
from shared.pipeline.heartbeat import heartbeats
from shared.pipeline.journal import Journal
from shared.pipeline.stop_signal import HandOver, StopSignal
from shared.runtime import log
from shared.runtime.watchdog import Watchdog
from shared.use_cases.attempt_end import AttemptEnd
from shared.use_cases.attempt_report import AttemptReport
from shared.use_cases.close_lost_run import LostRun

Begin = Callable[[RunTask, ClaimedRun, StopSignal, Services], HopContext | Begun]


@dataclass(frozen=True)
class RunExecution:
    """Carries out one delivery. It claims and works; `report` appends events; AttemptEnd and LostRun end the run."""

    services: Services
    report: AttemptReport
    begin: Begin = begin_hop
    open_stop_signal: Callable[..., StopSignal] = StopSignal

    def execute(self) -> str:
        """Handle the delivery and return its outcome as one word. It raises only if the task should be delivered again.

        If a delivery still works after its time and its grace period, this process ends.
        """
        settings, closing = self.services.settings, self.report.task.closing
        grace_seconds = settings.execution_grace_seconds
        seconds = settings.execution_budget_seconds + grace_seconds
        with Watchdog(seconds=seconds, grace_seconds=grace_seconds) as watchdog:
            if closing:
                return LostRun(self.report).close(closing)
            run = self._claim()
            if isinstance(run, str):
                return run
            watchdog.last_word = self._report_stuck
            return self._work(run)

    def _claim(self) -> ClaimedRun | str:
        """Claim the run. It returns DUPLICATE if another delivery has claimed it, STALE if its lease has ended."""
        task, lease = self.report.task, timedelta(seconds=self.services.settings.lease_seconds)
        try:
            with log.bound(step_id="claim"):
                run = self.services.runs.claim(task, execution_id=self.report.execution_id)
        except DuplicateJob:
            return "DUPLICATE"
        return "STALE" if run is None or run.has_expired(task.lease_id, lease) else run

    def _report_stuck(self) -> None:
        stuck = ExecutorStuck()
        facts = {"error_class": stuck.error_class, "error_message": stuck.message}
        self.report.append_end("FAILED", outcome="FAILED", retryable=stuck.retryable, **facts)

    def _work(self, run: ClaimedRun) -> str:
        journal = Journal(run.checkpoints)
        end = AttemptEnd(run, journal, self.report)
        claim = {"hop": self.report.task.hop, "snapshot_at": run.read_at.isoformat()}
        self.report.append("CLAIMED", details=claim)
        try:
            ended_before = self._run_steps(run, journal)
            return end.ended_before(ended_before) if ended_before else end.published()
        except HandOver:
            return end.handed_over()
        except ConvergenceError as error:
            failure = classified(error)
            return end.paused(failure) if isinstance(failure, DependencyThrottled) else end.failed(failure)
        except Exception as error:  # noqa: BLE001 - a defect; without this event the lease would have to end
            log.error("run crashed", exception=error)
            return end.failed(RunError("The run crashed; find its log by execution_id."))

    def _run_steps(self, run: ClaimedRun, journal: Journal) -> Begun | None:
        """Run the remaining steps; the last is the publish.

        If an earlier delivery had ended the run, it returns how the run ended.
        """
        settings, report = self.services.settings, self.report
        stop_signal = self.open_stop_signal(budget_seconds=settings.execution_budget_seconds)
        with heartbeats(
            stop_signal,
            every_seconds=settings.heartbeat_seconds,
            beat=lambda: report.append("HEARTBEAT"),
            signals=lambda: self.services.runs.signals(report.task),
        ):
            found = self.begin(report.task, run, stop_signal, self.services)
            if isinstance(found, Begun):
                return found
            Executor(found, journal, record=report.append_step, clock=report.clock).run()
        return None
