"""Waits for BigQuery's jobs: a wait may be ended, and a question that fails is not the job's failure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shared import errors, log
from shared.adapters.job_errors import translated
from shared.adapters.patience import CANCELLING, Patience

_FIRST_POLL_SECONDS, _LAST_POLL_SECONDS = 0.05, 2.0

Pause = Callable[[float], None]


def failure_of(job: Any, wait: Callable[[], object], patience: Patience) -> str | None:
    """The error message of a job that `wait` waits for, or None. A question that fails is not the job's failure."""
    try:
        wait()
    except (errors.Unavailable, errors.JobFailed) as error:
        if not job.error_result:  # the wait may have learned of an error that this copy does not have yet
            with translated():
                job.reload(retry=patience.known_jobs)
        if not job.error_result:
            raise
        return error.message
    return None


def wait_until_done(job: Any, pause: Pause, patience: Patience) -> None:
    """Ask for the job's state until it is done; `pause` waits in between, and may raise to end the wait.

    A run that is cancelled, or a step that is out of time, takes its job with it: nobody would read what it goes on to
    bill. Who hands over or was overtaken leaves it to those who wait for it next.
    """
    delay = _FIRST_POLL_SECONDS
    try:
        with translated():
            while not job.done(retry=patience.known_jobs):
                pause(delay)
                delay = min(delay * 1.5, _LAST_POLL_SECONDS)
    except (errors.RunCancelled, errors.StepTimedOut):
        _cancel(job)
        raise


def _cancel(job: Any) -> None:
    try:
        with translated():
            job.cancel(retry=CANCELLING.calls)
    except errors.ConvergenceError as error:  # why the wait ended counts for more
        log.warning("job not cancelled", job_id=job.job_id, error_class=type(error).__name__)
    else:
        log.info("job cancelled", job_id=job.job_id)
