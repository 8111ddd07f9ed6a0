"""Runs the job that fills a step's staging table. Its id is made from the step's input, so that it is not run twice."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from shared.adapters.bigquery.job_errors import DuplicateJob
from shared.adapters.bigquery.job_waits import failure_of
from shared.adapters.bigquery.warehouse import Job
from shared.domain.dispatching.retry import MAX_JOBS
from shared.errors import JobFailed
from shared.pipeline.context import HopContext
from shared.pipeline.plan import PlannedStep


def staging_job(hop: HopContext, step: PlannedStep, start: Callable[[str], Job]) -> Job:
    """The step's finished job. It waits for a running job, and takes a job that has ended without error.

    `start` starts the job under an unused id. If the job of an id has failed, the next id is tried.
    """
    staging, warehouse, pause = hop.services.staging, hop.services.warehouse, hop.stop_signal.pause_for_job
    reason = ""
    for number in range(MAX_JOBS):
        job_id = f"{hop.task.run_id}-{step.id}-{step.input_hash}-{number}"
        job = warehouse.find_any_job(job_id)
        if job is None:
            return staging.wait_for(_started(hop, job_id, start), pause)
        failure = failure_of(job, partial(staging.wait_for, job, pause), warehouse.retry_budget)
        if failure is None:
            return job
        reason = failure
    raise JobFailed(f"the job of step {step.id} failed {MAX_JOBS} times, the last time with: {reason}")


def _started(hop: HopContext, job_id: str, start: Callable[[str], Job]) -> Job:
    try:
        return start(job_id)
    except DuplicateJob:
        return hop.services.warehouse.get_any_job(job_id)
