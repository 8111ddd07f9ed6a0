"""Holds a job, so that a test can look at the state while it runs, or end a process that waits for it."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from devcloud.bigquery.jobs.job import Job

_PATIENCE_SECONDS = 60.0
_LOOK_SECONDS = 0.02


class Gate:
    """Holds the first job that has all the gate's labels: it stays RUNNING and does nothing until the gate opens."""

    def __init__(self, labels: Mapping[str, str]) -> None:
        self._labels = labels
        self._lock, self._caught, self._opened = threading.Lock(), threading.Event(), threading.Event()
        self._job_id = ""

    def await_job(self) -> str:
        """Wait until the gate holds a job, and return the job's id; raises TimeoutError if none comes."""
        if not self._caught.wait(_PATIENCE_SECONDS):
            raise TimeoutError(f"no job with {dict(self._labels)} came")
        return self._job_id

    @property
    def has_caught(self) -> bool:
        """Whether the gate has caught a job."""
        return self._caught.is_set()

    def open(self) -> None:
        """Let the held job go on, and hold no later job; safe to call twice."""
        self._opened.set()

    def has_held(self, job: Job) -> bool:
        """Hold the calling job until the gate opens or the job is cancelled; False if the gate does not hold it."""
        if not self._catches(job):
            return False
        job.done_or_held.set()
        while not self._opened.wait(_LOOK_SECONDS) and not job.cancel_requested:
            continue
        return True

    def _catches(self, job: Job) -> bool:
        if job.is_dry_run or not self._labels.items() <= job.configuration.get("labels", {}).items():
            return False
        with self._lock:
            if self._caught.is_set() or self._opened.is_set():
                return False
            self._job_id = job.job_id
            self._caught.set()
            return True
