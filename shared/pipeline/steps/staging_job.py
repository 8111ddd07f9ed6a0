"""The one job that fills a step's staging table: named after the step's input, so that it is not done twice."""

from __future__ import annotations

from collections.abc import Callable

from shared.adapters.bigquery import DuplicateJob
from shared.adapters.staging import Job, wait_for
from shared.errors import JobFailed
from shared.pipeline.hop import Hop
from shared.pipeline.plan import PlannedStep

_JOB_IDS = 20


def staging_job(hop: Hop, step: PlannedStep, start: Callable[[str], Job]) -> Job:
    """The step's finished job: one that runs is waited for, one that is done without error is taken as it is.

    `start` begins it under an id that nobody has used; after an error the next id is tried.
    """
    for number in range(_JOB_IDS):
        job_id = f"{hop.task.run_id}-{step.id}-{step.input_hash}-{number}"
        job = hop.services.staging.find_job(job_id)
        if job is None:
            return wait_for(_started(hop, job_id, start), hop.control.pause_for_job)
        if _succeeded(hop, job):
            return job
    raise JobFailed(f"the job of step {step.id} failed too often")


def _started(hop: Hop, job_id: str, start: Callable[[str], Job]) -> Job:
    try:
        return start(job_id)
    except DuplicateJob:
        job = hop.services.staging.find_job(job_id)
        if job is None:
            raise
        return job


def _succeeded(hop: Hop, job: Job) -> bool:
    try:
        wait_for(job, hop.control.pause_for_job)
    except JobFailed:
        return False
    return True
