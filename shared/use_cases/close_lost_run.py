"""Closes one run whose executor is gone: finds out how it ended, and logs what the executor did."""

from __future__ import annotations

from dataclasses import dataclass

from shared.configuration.templates import find_template
from shared.domain.runs.attempt import ClaimedRun, Ending
from shared.domain.runs.delivery import Closing
from shared.domain.runs.events import KIND_OF_STATUS
from shared.errors import BrokenTemplate, RunCancelled
from shared.pipeline.interrupted import interrupted_step
from shared.pipeline.journal import Journal, StepRecord
from shared.runtime import log
from shared.use_cases.attempt_report import AttemptReport

_ON_REQUEST = Closing(status="CANCELLED", error_class=RunCancelled.error_class, error_message=RunCancelled().message)


@dataclass(frozen=True)
class LostRun:
    """Carries out a closing task; a repeated one changes nothing."""

    report: AttemptReport

    def close(self, closing: Closing) -> str:
        """Close the run and return the delivery's outcome as one word. Under a lease it reports how the run ended."""
        if self.report.task.lease_id is None:
            ended = self._close_row(closing, billed=None)  # nobody here knows the bytes that an executor billed
            if ended.status != closing.status:
                log.error("run ended otherwise than the dispatcher recorded", status=ended.status)
            return "CLOSED"
        with log.bound(step_id="close"):
            run = self.report.runs.find(self.report.task)
        if run is None:
            return "STALE"
        billed = Journal(run.checkpoints).bytes_billed
        ended = self._close_row(_ON_REQUEST if run.is_cancel_requested else closing, billed=billed)
        self._log_interrupted(run, ended)
        if ended.status == "FAILED":
            facts = {"error_class": ended.error_class, "error_message": ended.error_message}
            return self.report.append_end("FAILED", outcome=ended.status, retryable=False, **facts)
        return self.report.append_end(KIND_OF_STATUS[ended.status], outcome=ended.status)

    def _close_row(self, closing: Closing, *, billed: int | None) -> Ending:
        with log.bound(step_id="close"):
            return self.report.runs.close(self.report.task, closing, bytes_billed=billed)

    def _log_interrupted(self, run: ClaimedRun, ended: Ending) -> None:
        """Log the steps of the silent executor, and if the run was not published, the step that it was executing."""
        journal = Journal(run.checkpoints)
        record = None if ended.status == "COMPLETED" else self._interrupted(run, ended.error_message)
        if record:
            journal.add(self.report.append_step(record), record)
        self.report.write_log(run, journal)

    def _interrupted(self, run: ClaimedRun, reason: str | None) -> StepRecord | None:
        try:
            template = find_template(run.provider, run.domain, run.pipeline_template)
        except BrokenTemplate as error:  # the run ends even without its template
            log.error("template not loaded", problem=error.message)
            return None
        if template is None:
            return None
        attempt, closed_at = self.report.task.attempt, self.report.clock()
        return interrupted_step(template, run.checkpoints, attempt=attempt, closed_at=closed_at, reason=reason)
