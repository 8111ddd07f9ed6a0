"""Ends an attempt that was published, handed over, paused or failed, or whose run had already ended."""

from __future__ import annotations

from dataclasses import dataclass

from shared.domain.runs.attempt import Begun, ClaimedRun
from shared.domain.runs.events import KIND_OF_STATUS
from shared.errors import RunCancelled, RunError, bigquery_text_of
from shared.pipeline.journal import Journal
from shared.runtime import log
from shared.use_cases.attempt_report import AttemptReport


@dataclass(frozen=True)
class AttemptEnd:
    """Ends one attempt. Each method returns the outcome of the delivery as one word."""

    run: ClaimedRun
    journal: Journal
    report: AttemptReport

    def published(self) -> str:
        """Record that the run was published, and so is completed."""
        self.report.write_log(self.run, self.journal)
        return self.report.append_end("SUCCEEDED", outcome="COMPLETED")

    def ended_before(self, begun: Begun) -> str:
        """Report a run that an earlier delivery ended. That delivery was cut off before its report or its log."""
        status = str(begun.status)
        log.info("run had ended", status=status)
        self.report.write_log(self.run, self.journal)
        retryable = False if status == "FAILED" else None
        return self.report.append_end(KIND_OF_STATUS[status], outcome=status, retryable=retryable)

    def handed_over(self) -> str:
        """Deliver the next hop, because the request's time is used up."""
        report = self.report
        report.write_log(self.run, self.journal)
        report.append("HANDED_OVER", details={"hop": report.task.hop})
        report.tasks.dispatch_runs([report.task.next_hop()])
        return "HANDED_OVER"

    def paused(self, error: RunError) -> str:
        """Give the lease back. The run has not failed; its attempt continues when the quota is available again."""
        log.warning("run paused", error_message=error.message, cause=bigquery_text_of(error))
        return self.report.append_end("PAUSED", error_class=error.error_class, error_message=error.message)

    def failed(self, error: RunError) -> str:
        """Report that the attempt failed or its run was cancelled. The last attempt also closes the run's row."""
        facts = {"error_class": error.error_class, "error_message": error.message}
        log.warning("run failed", **facts, retryable=error.retryable, cause=bigquery_text_of(error))
        self.report.write_log(self.run, self.journal)
        status = "CANCELLED" if isinstance(error, RunCancelled) else "FAILED"
        is_last = not error.retryable or self.report.task.attempt > self.run.max_retries
        ended = self._close_row(status, error.error_class, error.message) if is_last else None
        if ended == "COMPLETED":  # the run was published before the error or the cancel
            return self.report.append_end("SUCCEEDED", outcome=ended)
        if ended and status == "CANCELLED":
            return self.report.append_end("CANCELLED", outcome=status)
        # If a last attempt does not know how the run ended, or a cancel may have come too late, the run does not end
        # here. The dispatcher finds out whether it was published.
        retryable = ended is None and (error.retryable or status == "CANCELLED")
        return self.report.append_end("FAILED", outcome=status, retryable=retryable, **facts)

    def _close_row(self, status: str, error_class: str, message: str) -> str | None:
        """Close the run's row and return its status; None if another attempt took over or BigQuery does not answer."""
        ended = {"status": status, "error_class": error_class, "error_message": message}
        billed = self.journal.bytes_billed
        try:
            with log.bound(step_id="close"):
                return self.report.runs.close_attempt(self.report.task, self.run, **ended, bytes_billed=billed)
        except Exception as error:  # noqa: BLE001 - the run's error matters more; a closing task tries again
            log.warning("run row not closed", error_class=type(error).__name__)
            return None
