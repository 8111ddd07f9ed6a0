"""Runs a hop's steps in order. It skips finished steps, retries temporary failures, and records every step."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from datetime import datetime

from shared.errors import (
    CheckFailed,
    ConfigError,
    ConvergenceError,
    DependencyThrottled,
    DependencyUnavailable,
    InvalidInput,
    InvalidParameters,
    InvalidTemplate,
    JobFailed,
    RunError,
    SourceThrottled,
    StepFailed,
    StepRefused,
    StepTimedOut,
    Throttled,
    Unavailable,
    bigquery_text_of,
)
from shared.pipeline.checks import failed_checks, run_checks, warnings_of
from shared.pipeline.context import HopContext
from shared.pipeline.journal import COMPLETED, FAILED, Journal, StepRecord, duration_ms
from shared.pipeline.plan import CHECKS, PUBLISH, PlannedStep, plan_steps
from shared.pipeline.publish import prepare_targets, publish
from shared.pipeline.steps.result import StepResult
from shared.pipeline.steps.sql import run_sql
from shared.pipeline.stop_signal import HandOver
from shared.runtime import log

SQL = "sql"
BILLING_FILES = ("aws_billing_files", "azure_billing_files", "aws_focus_files", "azure_focus_files", "focus_files")
_KINDS: Mapping[type[ConvergenceError], type[RunError]] = {  # the first entry that matches counts
    Throttled: DependencyThrottled,
    Unavailable: DependencyUnavailable,
    InvalidInput: InvalidParameters,
    ConfigError: InvalidTemplate,
}


class Executor:
    """Executes one hop. `record` appends the STEP event of a record and returns the event's id."""

    def __init__(
        self,
        hop: HopContext,
        journal: Journal,
        *,
        record: Callable[[StepRecord], str],
        clock: Callable[[], datetime],
    ) -> None:
        self._hop, self._journal = hop, journal
        self._record, self._clock = record, clock
        self._done: dict[str, StepRecord] = {}

    def run(self) -> None:
        """Run the remaining steps until the run is published. It raises RunError, or HandOver when the time ends."""
        hop = self._hop
        steps = plan_steps(
            hop.template,
            tenant_id=hop.task.tenant_id,
            parameters=hop.parameters,
            source=hop.source,
            snapshot_at=hop.snapshot_at,
            watermark=hop.begun.watermark,
        )
        has_worked = False
        for step in steps:
            if found := self._finished(step):
                self._done[step.id] = found
                continue
            if has_worked and hop.stop_signal.is_out_of_time():
                raise HandOver
            self._run_step(step)
            has_worked = True

    def _finished(self, step: PlannedStep) -> StepRecord | None:
        """The record of a step that was finished earlier, if its staging table still exists."""
        found = self._journal.find(step.id, step.input_hash)
        if found and found.output_table and not self._hop.services.staging.exists(found.output_table):
            return None
        return found

    def _run_step(self, step: PlannedStep) -> None:
        started_at = self._clock()
        try:
            with self._hop.stop_signal.step(step.timeout_seconds), log.bound(step_id=step.id):
                result = self._with_retries(step)
        except ConvergenceError as error:
            failed = classified(error)
            self._note(step, started_at, FAILED, StepResult(), error_message=failed.message)
            raise failed  # noqa: B904 - it has its cause, or is the error itself
        failure = failed_checks(result.checks)
        self._note(step, started_at, FAILED if failure else COMPLETED, result, error_message=failure or None)
        if failure:
            raise CheckFailed(failure)

    def _with_retries(self, step: PlannedStep) -> StepResult:
        """The step's result, after as many tries as its template allows. It raises a RunError if all of them fail."""
        for number in range(1, step.retry.attempts + 1):
            try:
                self._hop.stop_signal.check()
                return self._work(step)
            except (Unavailable, JobFailed, StepFailed) as error:
                if number == step.retry.attempts or not _is_tried_again(error):
                    raise classified(error)  # noqa: B904 - it has its cause, or is the error itself
                facts = {"step_id": step.id, "tries": number, "error_class": type(error).__name__}
                log.warning("step tried again", **facts, cause=bigquery_text_of(error))
                backoff = step.retry.backoff_seconds * 2 ** (number - 1)
                self._hop.stop_signal.pause(backoff * random.uniform(0.5, 1.5))  # noqa: S311 - jitter
        raise AssertionError("a step is tried at least once")

    def _work(self, step: PlannedStep) -> StepResult:
        records, left = self._outputs(), self._bytes_left(step)
        if step.id == CHECKS:
            prepare_targets(self._hop)
            return run_checks(self._hop, step, records, max_bytes_billed=left)
        if step.id == PUBLISH:
            return publish(
                self._hop,
                step,
                records,
                warnings=warnings_of(self._done[CHECKS].checks),
                bytes_billed=self._journal.bytes_billed,
                max_bytes_billed=left,
                clock=self._clock,
            )
        if step.uses == SQL:
            return run_sql(self._hop, step, records, max_bytes_billed=left)
        if step.uses in BILLING_FILES:
            from shared.pipeline.steps.billing_files import load_billing_files

            return load_billing_files(self._hop, step)
        # Only a run that extracts loads Arrow.
        from shared.pipeline.steps.gcp_billing_export import extract

        return extract(self._hop, step, max_bytes_billed=left)

    def _bytes_left(self, step: PlannedStep) -> int | None:
        """The bytes that the step may bill: its own limit or the rest of the run's, the lower; None without limits."""
        limit = self._hop.template.max_bytes_billed
        left = None if limit is None else max(1, limit - self._journal.bytes_billed)  # for BigQuery 0 means no limit
        return min((bound for bound in (step.max_bytes_billed, left) if bound is not None), default=None)

    def _outputs(self) -> Mapping[str, StepRecord]:
        return {step_id: record for step_id, record in self._done.items() if record.output_table}

    def _note(
        self, step: PlannedStep, started_at: datetime, status: str, result: StepResult, *, error_message: str | None
    ) -> None:
        completed_at = self._clock()
        record = StepRecord(
            step_id=step.id,
            step_type=step.uses,
            status=status,
            input_hash=step.input_hash,
            attempt=self._hop.task.attempt,
            started_at=started_at.isoformat(),
            completed_at=completed_at.isoformat(),
            duration_ms=duration_ms(started_at, completed_at),
            rows=result.rows,
            bytes_billed=result.costs.bytes_billed,
            bytes_processed=result.costs.bytes_processed,
            slot_millis=result.costs.slot_millis,
            job_id=result.job_id,
            output_table=result.output_table,
            error_message=error_message,
            details=result.details,
            checks=result.checks,
        )
        self._done[step.id] = record
        log.info("step ended", step_id=step.id, status=status, rows=record.rows, duration_ms=record.duration_ms)
        self._journal.add(self._record(record), record)


def _is_tried_again(error: ConvergenceError) -> bool:
    """Whether another try of the step may succeed and is worth the executor's time."""
    if isinstance(error, JobFailed):
        return not error.is_final
    return not isinstance(error, StepRefused | StepTimedOut | Throttled | SourceThrottled)


def classified(error: ConvergenceError) -> RunError:
    """The error as a RunError: itself if it is one, otherwise one with the error as its cause."""
    if isinstance(error, RunError):
        return error
    kind = next((kind for given, kind in _KINDS.items() if isinstance(error, given)), StepFailed)
    if isinstance(error, JobFailed) and error.is_final:
        kind = StepRefused
    failure = kind(error.message)
    failure.__cause__ = error
    return failure
