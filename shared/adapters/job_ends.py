"""Hears at once that a job has ended: BigQuery holds the answer to a question for results back until there are some."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent import futures
from typing import Any

from google.cloud import bigquery

from shared import errors

_QUESTION_SECONDS = 12.0  # BigQuery holds an answer back for 10
_LOOK_SECONDS = 0.1
_FIRST_POLL_SECONDS, _LAST_POLL_SECONDS = 0.05, 2.0


def await_end(job: Any, pause: Callable[[float], None]) -> None:
    """Wait until a job has ended, however it did; `pause` waits in between, and may raise to end the wait."""
    from shared.adapters.bigquery import translated

    delay = _FIRST_POLL_SECONDS
    while job.state != "DONE":
        if isinstance(job, bigquery.QueryJob):
            answered = _asked(job)
            while not answered.is_set():
                pause(_LOOK_SECONDS)
        else:
            pause(delay)
            delay = min(delay * 1.5, _LAST_POLL_SECONDS)
        with translated():
            job.done()


def _asked(job: bigquery.QueryJob) -> threading.Event:
    """Set once BigQuery has answered, in a thread of its own; who waits no longer leaves it to its end."""
    from shared.adapters.bigquery import translated

    answered = threading.Event()

    def ask() -> None:
        try:
            with translated():
                job.result(max_results=0, timeout=_QUESTION_SECONDS, retry=None, job_retry=None)
        except (errors.ConvergenceError, futures.TimeoutError):
            pass  # whether it has ended, and how, is asked next
        finally:
            answered.set()

    threading.Thread(target=ask, name=f"end of {job.job_id}", daemon=True).start()
    return answered
