"""The CloudScheduler API over gRPC."""

from __future__ import annotations

import math
import secrets
from pathlib import Path

from google.cloud.scheduler_v1 import types
from google.protobuf import empty_pb2

from devcloud.grpc_service import StoredService, invalid_argument, rpc
from devcloud.messages import instant, merge, page
from devcloud.scheduler.store import JobStore
from devcloud.scheduler.ticker import Ticker
from devcloud.scheduler.validation import next_tick, prepare_job

State = types.Job.State


class Scheduler(StoredService):
    """HTTP jobs. A tick is skipped if this does not run at that time, as if the job were paused."""

    service_name = "google.cloud.scheduler.v1.CloudScheduler"

    def _open(self, state_dir: Path) -> None:
        self._jobs = JobStore(state_dir / "scheduler.db")
        self._ticker = Ticker(self._jobs, self._identity, self._now)

    def start(self) -> None:
        """Bind, serve, and run jobs from now on."""
        super().start()
        self._ticker.start()

    def stop(self) -> None:
        """Stop serving and running jobs; safe to call twice."""
        super().stop()
        self._ticker.stop()
        self._jobs.close()

    def wake(self) -> None:
        """Look at the clock again. When this returns, all due jobs are being sent."""
        self._ticker.look()

    def pending(self, due_within_seconds: float = math.inf) -> int:
        """The number of unfinished executions that are due within this time."""
        return self._ticker.outstanding(due_within_seconds)

    def wait_idle(self, timeout_seconds: float, due_within_seconds: float = math.inf) -> bool:
        """Wait until no execution is pending or under way; returns False if that takes too long."""
        return self._ticker.wait_idle(timeout_seconds, due_within_seconds)

    @rpc(types.CreateJobRequest, "cloudscheduler.jobs.create", on="parent")
    def CreateJob(self, request: types.CreateJobRequest) -> types.Job:
        """A new job, enabled."""
        job = types.Job(request.job)
        job.name = job.name or f"{request.parent}/jobs/{secrets.randbelow(10**19)}"
        if not job.name.startswith(f"{request.parent}/jobs/"):
            raise invalid_argument(f'Job name is invalid: "{job.name}" is not in {request.parent}.')
        tick = prepare_job(job, self._now())
        job.state, job.user_update_time = State(State.ENABLED), instant(self._now())
        return self._woken(self._jobs.create(job, tick))

    @rpc(types.UpdateJobRequest, "cloudscheduler.jobs.update", on="job.name")
    def UpdateJob(self, request: types.UpdateJobRequest) -> types.Job:
        """Change a job; its state stays."""
        job = self._jobs.get(request.job.name)
        state = job.state
        merge(job, request.job, request.update_mask)
        tick = prepare_job(job, self._now())
        job.state, job.user_update_time = state, instant(self._now())
        return self._woken(self._jobs.save(job, tick if state == State.ENABLED else None))

    @rpc(types.GetJobRequest, "cloudscheduler.jobs.get")
    def GetJob(self, request: types.GetJobRequest) -> types.Job:
        """One job, with its next tick and the outcome of its last attempt."""
        return self._jobs.get(request.name)

    @rpc(types.ListJobsRequest, "cloudscheduler.jobs.list", on="parent")
    def ListJobs(self, request: types.ListJobsRequest) -> types.ListJobsResponse:
        """The jobs of a location."""
        jobs, token = page(self._jobs.list_jobs(f"{request.parent}/jobs/"), request, default_size=500)
        return types.ListJobsResponse(jobs=jobs, next_page_token=token)

    @rpc(types.DeleteJobRequest, "cloudscheduler.jobs.delete")
    def DeleteJob(self, request: types.DeleteJobRequest) -> empty_pb2.Empty:
        """Remove a job; an attempt under way is not stopped."""
        self._jobs.delete(request.name)
        self._ticker.wake()
        return empty_pb2.Empty()

    @rpc(types.PauseJobRequest, "cloudscheduler.jobs.pause")
    def PauseJob(self, request: types.PauseJobRequest) -> types.Job:
        """Leave out ticks until the job is resumed."""
        job = self._jobs.get(request.name)
        job.state = State(State.PAUSED)
        return self._woken(self._jobs.save(job, None))

    @rpc(types.ResumeJobRequest, "cloudscheduler.jobs.enable")
    def ResumeJob(self, request: types.ResumeJobRequest) -> types.Job:
        """Run again, from the next tick on."""
        job = self._jobs.get(request.name)
        job.state = State(State.ENABLED)
        return self._woken(self._jobs.save(job, next_tick(job, self._now())))

    @rpc(types.RunJobRequest, "cloudscheduler.jobs.run")
    def RunJob(self, request: types.RunJobRequest) -> types.Job:
        """Run a job now, whatever its state and schedule; the answer does not wait for it."""
        job, now = self._jobs.get(request.name), self._now()
        self._jobs.add_execution(job.name, tick=now, now=now)
        return self._woken(job)

    def _woken(self, job: types.Job) -> types.Job:
        self._ticker.wake()
        return job
