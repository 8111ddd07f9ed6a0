"""Waits for BigQuery's jobs. A wait can be interrupted, and a failed poll does not count as a failed job."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from concurrent import futures
from typing import Any

from google.cloud import bigquery

from shared import errors
from shared.adapters.bigquery.job_errors import translated
from shared.adapters.google.retry_budget import CANCELLING, RetryBudget
from shared.runtime import log

_FIRST_POLL_SECONDS, _LAST_POLL_SECONDS = 0.05, 2.0
_QUESTION_SECONDS = 12.0  # BigQuery may take 10 seconds to answer
_LOOK_SECONDS = 0.1

Pause = Callable[[float], None]


def failure_of(job: Any, wait: Callable[[], object], retry_budget: RetryBudget) -> str | None:
    """Wait by `wait`, and return the job's error message, or None. A failed poll does not count as a failed job."""
    try:
        wait()
    except (errors.Unavailable, errors.JobFailed) as error:
        if not job.error_result:  # `wait` may know an error that this copy of the job does not have yet
            with translated():
                job.reload(retry=retry_budget.known_jobs)
        if not job.error_result:
            raise
        return error.message
    return None


def wait_until_done(job: Any, pause: Pause, retry_budget: RetryBudget) -> None:
    """Wait until the job is done; `pause` waits in between, and may raise to end the wait.

    If the run is cancelled or the step is out of time, the job is cancelled, because no executor would read the result
    of the billed query. An executor that hands over or was overtaken leaves the job to the one that waits for it next.
    """
    try:
        await_end(job, pause, retry_budget)
    except (errors.RunCancelled, errors.StepTimedOut):
        _cancel(job)
        raise


def await_end(job: Any, pause: Pause, retry_budget: RetryBudget) -> None:
    """Wait until a job has succeeded or failed; `pause` waits in between, and may raise to end the wait.

    BigQuery answers a poll of a running query only when the query ends, so the end is noticed at once.
    """
    delay = _FIRST_POLL_SECONDS
    while True:
        with translated():
            if job.done(retry=retry_budget.known_jobs):
                return
        if isinstance(job, bigquery.QueryJob):
            heard = _asked(job)
            while not futures.wait([heard], _LOOK_SECONDS).done:
                pause(0)
            if not heard.result():
                pause(_LOOK_SECONDS)
        else:
            pause(delay)
            delay = min(delay * 1.5, _LAST_POLL_SECONDS)


def _asked(job: bigquery.QueryJob) -> futures.Future[bool]:
    """Whether BigQuery has reported the end of the query. A thread asks, and ends by itself if no caller waits."""
    heard: futures.Future[bool] = futures.Future()

    def ask() -> None:
        has_ended = False
        try:
            with translated():
                job.result(max_results=0, timeout=_QUESTION_SECONDS, retry=None, job_retry=None)
                has_ended = True
        except (errors.ConvergenceError, futures.TimeoutError) as error:
            log.info("end of a job not heard", job_id=job.job_id, error_class=type(error).__name__)  # asked again
        finally:
            heard.set_result(has_ended)

    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(ask,), name=f"end of {job.job_id}", daemon=True).start()
    return heard


def _cancel(job: Any) -> None:
    try:
        with translated():
            job.cancel(retry=CANCELLING.calls)
    except errors.ConvergenceError as error:  # the reason why the wait ended is the more important error
        log.warning("job not cancelled", job_id=job.job_id, error_class=type(error).__name__)
    else:
        log.info("job cancelled", job_id=job.job_id)
