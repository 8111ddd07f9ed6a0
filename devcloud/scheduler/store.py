"""Stores jobs with their next tick, and unfinished executions, on disk."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from google.cloud.scheduler_v1.types import Job

from devcloud.database import Database, Row
from devcloud.grpc_service import already_exists, not_found
from devcloud.messages import instant

_SCHEMA = """
CREATE TABLE IF NOT EXISTS job (name TEXT PRIMARY KEY, message BLOB NOT NULL, next_tick REAL);
CREATE TABLE IF NOT EXISTS execution (
  id INTEGER PRIMARY KEY AUTOINCREMENT, job TEXT NOT NULL REFERENCES job, tick REAL NOT NULL,
  attempts INTEGER NOT NULL, first_attempt_at REAL, due_at REAL NOT NULL
);
"""


@dataclass(frozen=True)
class Execution:
    """The execution of one tick of a job. `tick` is the same for all attempts."""

    id: int
    job: str
    tick: float
    attempts: int
    first_attempt_at: float | None
    due_at: float


class JobStore:
    """Every method is one transaction. `next_tick` is None while a job is paused."""

    def __init__(self, path: Path) -> None:
        self._database = Database(path, _SCHEMA)

    def close(self) -> None:
        """Close the file; safe to call twice."""
        self._database.close()

    def create(self, job: Job, next_tick: float) -> Job:
        """Store a new job; raises ALREADY_EXISTS."""
        with self._database.transaction():
            if self._database.row("SELECT 1 FROM job WHERE name = ?", job.name):
                raise already_exists(f"Job {job.name} already exists.")
            self._database.execute("INSERT INTO job VALUES (?, ?, ?)", job.name, Job.serialize(job), next_tick)
            return self.get(job.name)

    def save(self, job: Job, next_tick: float | None) -> Job:
        """Store a job's changed fields."""
        self._database.execute(
            "UPDATE job SET message = ?, next_tick = ? WHERE name = ?", Job.serialize(job), next_tick, job.name
        )
        return self.get(job.name)

    def find(self, name: str) -> Job | None:
        """A job, if there is one of that name."""
        row = self._database.row("SELECT message, next_tick FROM job WHERE name = ?", name)
        return None if row is None else _job(row)

    def get(self, name: str) -> Job:
        """A job; raises NOT_FOUND."""
        job = self.find(name)
        if job is None:
            raise not_found("Job not found.")
        return job

    def list_jobs(self, prefix: str = "") -> list[Job]:
        """The jobs whose names start with `prefix`."""
        rows = self._database.rows("SELECT name, message, next_tick FROM job ORDER BY name")
        return [_job(row) for row in rows if row["name"].startswith(prefix)]

    def delete(self, name: str) -> None:
        """Remove a job and its unfinished executions; raises NOT_FOUND."""
        with self._database.transaction():
            self.get(name)
            self._database.execute("DELETE FROM execution WHERE job = ?", name)
            self._database.execute("DELETE FROM job WHERE name = ?", name)

    def ticks(self) -> dict[str, float]:
        """The next tick of every job that is not paused."""
        rows = self._database.rows("SELECT name, next_tick FROM job WHERE next_tick IS NOT NULL")
        return {row["name"]: row["next_tick"] for row in rows}

    def leave_out(self, name: str, *, tick: float, next_tick: float) -> bool:
        """Skip a tick; False if the job has already moved on or is paused."""
        changed = self._database.execute(
            "UPDATE job SET next_tick = ? WHERE name = ? AND next_tick = ?", next_tick, name, tick
        )
        return changed == 1

    def begin(self, name: str, *, tick: float, now: float, next_tick: float) -> bool:
        """Start a tick's execution and set the next tick; False if the last execution runs, so this is skipped."""
        with self._database.transaction():
            if not self.leave_out(name, tick=tick, next_tick=next_tick):
                return True
            if self._database.row("SELECT 1 FROM execution WHERE job = ?", name):
                return False
            self.add_execution(name, tick=tick, now=now)
            return True

    def add_execution(self, name: str, *, tick: float, now: float) -> None:
        """Store a new execution, due at once."""
        self._database.execute("INSERT INTO execution VALUES (NULL, ?, ?, 0, NULL, ?)", name, tick, now)

    def executions(self) -> list[Execution]:
        """All executions that are not yet done, oldest first."""
        return [Execution(**dict(row)) for row in self._database.rows("SELECT * FROM execution ORDER BY due_at, id")]

    def count_executions(self, due_until: float = math.inf) -> int:
        """The number of unfinished executions that are due at time `due_until`."""
        return sum(execution.due_at <= due_until for execution in self.executions())

    def finish(self, execution: Execution, job: Job) -> None:
        """Remove an execution that succeeded or was given up, and store its job's new status."""
        with self._database.transaction():
            self._database.execute("DELETE FROM execution WHERE id = ?", execution.id)
            self._save_message(job)

    def retry(self, execution: Execution, job: Job, *, first_attempt_at: float, due_at: float) -> None:
        """Keep an execution for a later attempt, and store its job's new status."""
        with self._database.transaction():
            self._database.execute(
                "UPDATE execution SET attempts = ?, first_attempt_at = ?, due_at = ? WHERE id = ?",
                execution.attempts + 1, first_attempt_at, due_at, execution.id,
            )  # fmt: skip
            self._save_message(job)

    def _save_message(self, job: Job) -> None:
        """Save only the outcome, because the job itself may have been changed meanwhile."""
        current = self.find(job.name)
        if current is not None:
            current.status, current.last_attempt_time = job.status, job.last_attempt_time
            self._database.execute("UPDATE job SET message = ? WHERE name = ?", Job.serialize(current), job.name)


def _job(row: Row) -> Job:
    job: Job = Job.deserialize(row["message"])
    # The next tick is kept in its own column only, so that a paused job shows none.
    Job.pb(job).ClearField("schedule_time")
    if row["next_tick"] is not None:
        job.schedule_time = instant(row["next_tick"])
    return job
