"""Keeps job records in DuckDB, so that accepted jobs outlive the process.

A job's effect and its state DONE are committed in one transaction.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import duckdb

from devcloud.bigquery.duck import execute, one_row
from devcloud.bigquery.jobs.job import Job, JobKey, now_ms
from devcloud.bigquery.model import BigQueryError, Json, TableRef

_SETUP = """
CREATE TABLE IF NOT EXISTS _devcloud.jobs (
    project VARCHAR, location VARCHAR, job_id VARCHAR, parent VARCHAR, created BIGINT, done BOOLEAN,
    resource VARCHAR, answer VARCHAR
);
"""
_KEY = "project = ? AND location = ? AND job_id = ?"
# The error of a job that was running when the service died. Its last transaction had no effect.
_INTERRUPTED = BigQueryError("stopped", "Job execution was cancelled: the service stopped while the job was running")


@dataclass(frozen=True)
class Record:
    """A stored job: its REST resource, and for a query the answer of getQueryResults."""

    resource: Json
    answer: Json
    done: bool

    @property
    def result(self) -> TableRef | None:
        """The anonymous table with the result's rows."""
        found = self.answer.get("_result")
        return TableRef(*found) if found else None


def set_up(cursor: duckdb.DuckDBPyConnection) -> None:
    """Create the table, and end the jobs that a killed process left running."""
    cursor.execute(_SETUP)
    for project, location, job_id, text in cursor.execute(
        "SELECT project, location, job_id, resource FROM _devcloud.jobs WHERE NOT done"
    ).fetchall():
        resource = json.loads(text)
        error = _INTERRUPTED.to_api()
        resource["status"] = {"state": "DONE", "errorResult": error, "errors": [error]}
        resource["statistics"]["endTime"] = str(now_ms())
        cursor.execute(
            f"UPDATE _devcloud.jobs SET done = TRUE, resource = ? WHERE {_KEY}",
            [json.dumps(resource), project, location, job_id],
        )


def add(cursor: duckdb.DuckDBPyConnection, job: Job) -> None:
    """Record an accepted job."""
    _insert(cursor, job, *_texts(job, done=False), done=False)


def finish(cursor: duckdb.DuckDBPyConnection, job: Job) -> None:
    """Record the job's end in the same transaction as its last effect."""
    texts = _texts(job, done=True)
    if job.acknowledged:
        statement = f"UPDATE _devcloud.jobs SET done = TRUE, resource = ?, answer = ? WHERE {_KEY}"
        execute(cursor, statement, [*texts, *_key(job.key)])
    else:
        _insert(cursor, job, *texts, done=True)
    if not job.outcome.children:
        return
    values: list[object] = []
    for number, child in enumerate(job.outcome.children):
        child_id = child["jobReference"]["jobId"]
        values += [*_key(job.key)[:2], child_id, job.job_id, job.created + number, json.dumps(child)]
    rows = ", ".join(["(?, ?, ?, ?, ?, TRUE, ?, '{}')"] * len(job.outcome.children))
    execute(cursor, f"INSERT INTO _devcloud.jobs VALUES {rows}", values)


def find(cursor: duckdb.DuckDBPyConnection, key: JobKey) -> Record | None:
    """The record, or None."""
    row = one_row(cursor, f"SELECT resource, answer, done FROM _devcloud.jobs WHERE {_KEY}", _key(key))
    return None if row is None else Record(json.loads(row[0]), json.loads(row[1]), row[2])


def keys(cursor: duckdb.DuckDBPyConnection) -> set[JobKey]:
    """The keys of all records."""
    return {JobKey(*row) for row in cursor.execute("SELECT project, location, job_id FROM _devcloud.jobs").fetchall()}


def keys_of(job: Job) -> set[JobKey]:
    """The keys under which a job's end is recorded: its own and those of its script's statements."""
    children = {JobKey.of(job.project, job.location, one["jobReference"]["jobId"]) for one in job.outcome.children}
    return {job.key} | children


def listed(cursor: duckdb.DuckDBPyConnection, project: str, parent: str | None) -> list[Json]:
    """The resources of a project's jobs, or of the jobs of one script, the newest first."""
    rows = cursor.execute(
        "SELECT resource FROM _devcloud.jobs WHERE project = ? AND parent IS NOT DISTINCT FROM ?"
        " ORDER BY created DESC, job_id",
        [project, parent],
    ).fetchall()
    return [json.loads(row[0]) for row in rows]


def remove(cursor: duckdb.DuckDBPyConnection, key: JobKey) -> None:
    """Forget a job (jobs.delete)."""
    cursor.execute(f"DELETE FROM _devcloud.jobs WHERE {_KEY}", list(_key(key)))


def _key(key: JobKey) -> tuple[str, str, str]:
    return key.project, key.location, key.job_id


def _texts(job: Job, *, done: bool) -> tuple[str, str]:
    """The job's resource and its answer as they are stored."""
    result = job.outcome.result
    answer = job.outcome.answer | ({"_result": [result.project, result.dataset, result.table]} if result else {})
    return json.dumps(job.resource(final=done)), json.dumps(answer)


def _insert(cursor: duckdb.DuckDBPyConnection, job: Job, resource: str, answer: str, *, done: bool) -> None:
    execute(
        cursor,
        "INSERT INTO _devcloud.jobs VALUES (?, ?, ?, NULL, ?, ?, ?, ?)",
        [*_key(job.key), job.created, done, resource, answer],
    )
