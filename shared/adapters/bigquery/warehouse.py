"""Sends the platform's statements to BigQuery: reads in one round trip, changes under job ids that run once."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from google.api_core import exceptions as google
from google.cloud import bigquery

from shared import errors
from shared.adapters.bigquery.costs import Estimate
from shared.adapters.bigquery.job_errors import (
    DuplicateJob,
    InvalidStatement,
    Missing,
    in_words,
    refused_rows,
    translated,
)
from shared.adapters.bigquery.job_labels import bound_labels, job_labels
from shared.adapters.bigquery.job_waits import Pause, failure_of, wait_until_done
from shared.adapters.bigquery.sql import Statement, placeholders
from shared.adapters.google.own_identity import own_credentials
from shared.adapters.google.retry_budget import RetryBudget
from shared.configuration.settings import Settings
from shared.domain.dispatching.retry import MAX_JOBS

_JOB_TIMEOUT_SECONDS = 240.0

Row = Mapping[str, Any]
QueryJob = bigquery.QueryJob
Job = bigquery.LoadJob | bigquery.QueryJob


@dataclass(frozen=True)
class JobOptions:
    """The options of a job besides its statement.

    labels: labels besides the platform's own. into: the table whose rows the query's rows replace. max_bytes_billed:
    a limit below the platform's own. timeout_seconds: after this time BigQuery stops the job.
    """

    labels: Mapping[str, str] = field(default_factory=dict)
    into: bigquery.TableReference | None = None
    max_bytes_billed: int | None = None
    timeout_seconds: int | None = None


_NO_OPTIONS = JobOptions()


@dataclass(frozen=True)
class Warehouse:
    """The platform's BigQuery: one client, the platform's datasets, and the labels and limits of its jobs."""

    client: bigquery.Client
    project: str
    location: str
    central: str
    staging: str
    labels: Mapping[str, str]
    max_bytes_billed: int
    retry_budget: RetryBudget = field(default_factory=RetryBudget)

    def read(self, statement: Statement, values: Mapping[str, Any], *, dataset: str | None = None) -> list[Row]:
        """The rows of a SELECT: one job, and one round trip if it is short."""
        return self.read_measured(statement, values, dataset=dataset)[0]

    def read_measured(
        self,
        statement: Statement,
        values: Mapping[str, Any],
        *,
        dataset: str | None = None,
        options: JobOptions = _NO_OPTIONS,
    ) -> tuple[list[Row], int]:
        """As `read`, with the number of bytes that BigQuery read."""
        sql, config = self._sql(statement, dataset), self._config(statement, values, options)
        retry, job_retry = self.retry_budget.calls, self.retry_budget.jobs
        with translated():
            rows = self.client.query_and_wait(sql, job_config=config, retry=retry, job_retry=job_retry)
            return [dict(row.items()) for row in rows], rows.total_bytes_processed or 0

    def change(
        self, statement: Statement, values: Mapping[str, Any], *, dataset: str | None = None
    ) -> bigquery.QueryJob:
        """Run a statement or script that writes. One call runs it once; a second call runs it again."""
        return self.once(statement, values, job_id=f"cvg-{statement.name}-{uuid.uuid4().hex}", dataset=dataset)

    def insert(
        self,
        statement: Statement,
        values: Mapping[str, Any],
        *,
        job_id: str,
        dataset: str | None = None,
        options: JobOptions = _NO_OPTIONS,
    ) -> bigquery.QueryJob:
        """Start a job under `job_id`. Wait for it with `finished`.

        It raises DuplicateJob if that id has been used. The caller then reads the first job with `get_job`, and does
        not try another id.
        """
        sql, config = self._sql(statement, dataset), self._config(statement, values, options)
        with translated():
            try:
                retry = self.retry_budget.calls
                return self.client.query(sql, job_config=config, job_id=job_id, retry=retry, job_retry=None)
            except google.Conflict as error:
                raise DuplicateJob(job_id) from error

    def estimate(self, statement: Statement, values: Mapping[str, Any], *, dataset: str | None = None) -> Estimate:
        """Find by a dry run what a query would read, and its columns. It raises InvalidStatement if it cannot run."""
        sql, config = self._sql(statement, dataset), self._config(statement, values)
        config.dry_run = True
        with translated():
            try:
                job = self.client.query(sql, job_config=config, retry=self.retry_budget.calls, job_retry=None)
            except google.BadRequest as error:
                raise InvalidStatement(in_words(error), raw=str(error.message)) from error
        return Estimate.of_job(job)

    def once(
        self,
        statement: Statement,
        values: Mapping[str, Any],
        *,
        job_id: str,
        dataset: str | None = None,
        options: JobOptions = _NO_OPTIONS,
        pause: Pause | None = None,
    ) -> bigquery.QueryJob:
        """The finished job with this id. It is started if there is none, and awaited if it still runs.

        BigQuery refuses an id twice, so the change happens at most once. When a job failed for a passing reason, its
        id cannot be used again and the next suffix is tried. `pause` waits between two tries and may end the wait by
        an exception.
        """
        reason: str | None = None
        for suffix in range(MAX_JOBS):
            candidate = f"{job_id}-{suffix}"
            try:
                job = self.insert(statement, values, job_id=candidate, dataset=dataset, options=options)
            except DuplicateJob:
                job = self.get_job(candidate)
                if reason := self.failure(job, pause):
                    continue
            return self.finished(job, pause)
        raise errors.JobFailed(f"{statement.name} failed {MAX_JOBS} times, the last time with: {reason}")

    def get_job(self, job_id: str) -> bigquery.QueryJob:
        """The query job whose id is known to be used, with its present state.

        BigQuery may deny for a while that the job exists. It is asked again as long as the request's time allows;
        then Unavailable.
        """
        job = self.get_any_job(job_id)
        if not isinstance(job, bigquery.QueryJob):
            raise errors.JobFailed(f"{job_id} is not a query job")
        return job

    def find_job(self, job_id: str) -> bigquery.QueryJob | None:
        """The query job of an id, or None if BigQuery finds none. After a DuplicateJob, use `get_job`."""
        job = self.find_any_job(job_id)
        return job if isinstance(job, bigquery.QueryJob) else None

    def get_any_job(self, job_id: str) -> Job:
        """As `get_job`, for any kind of job."""
        return self._ask_for(job_id, self.retry_budget.known_jobs)

    def find_any_job(self, job_id: str) -> Job | None:
        """As `find_job`, for any kind of job."""
        try:
            return self._ask_for(job_id, self.retry_budget.calls)
        except Missing:
            return None

    def _ask_for(self, job_id: str, retry: Any) -> Job:
        with translated():
            job = self.client.get_job(job_id, location=self.location, retry=retry)
        if not isinstance(job, Job):
            raise errors.JobFailed(f"{job_id} is neither a query job nor a load job")
        return job

    def finished(self, job: bigquery.QueryJob, pause: Pause | None = None) -> bigquery.QueryJob:
        """Wait for a job and raise its error."""
        if pause:
            wait_until_done(job, pause, self.retry_budget)
        timeout = self.retry_budget.within_request(_JOB_TIMEOUT_SECONDS)
        with translated():
            job.result(timeout=timeout, retry=self.retry_budget.known_jobs, job_retry=None)
            return job

    def failure(self, job: bigquery.QueryJob, pause: Pause | None = None) -> str | None:
        """Wait until the job is done: its error message, or None."""
        return failure_of(job, lambda: self.finished(job, pause), self.retry_budget)

    def rows_of(self, job: bigquery.QueryJob) -> list[Row]:
        """The rows that a finished job returned; for a script, those of its last SELECT."""
        with translated():
            return [dict(row.items()) for row in job.result(retry=self.retry_budget.known_jobs, job_retry=None)]

    def stream(self, table: str, rows: Sequence[Mapping[str, Any]], *, row_ids: Sequence[str]) -> None:
        """Append rows to a central table by streaming, which has no DML limit and causes no conflict.

        The table must be one that Terraform created.
        """
        target, ids = f"{self.project}.{self.central}.{table}", list(row_ids)

        def insert() -> None:
            if failed := self.client.insert_rows_json(target, list(rows), row_ids=ids, retry=self.retry_budget.calls):
                raise refused_rows(table, failed)

        with translated():
            self.retry_budget.new_columns(insert)()

    def _sql(self, statement: Statement, dataset: str | None) -> str:
        known = {"tenants": self.central, "staging": self.staging, "dataset": dataset}
        return statement.sql(**{name: known[name] or "" for name in placeholders(statement.text)})

    def _config(
        self, statement: Statement, values: Mapping[str, Any], options: JobOptions = _NO_OPTIONS
    ) -> bigquery.QueryJobConfig:
        config = bigquery.QueryJobConfig(
            query_parameters=statement.query_parameters(values),
            labels=job_labels({**self.labels, **bound_labels(), "statement": statement.name, **options.labels}),
            use_query_cache=False,
            maximum_bytes_billed=min(self.max_bytes_billed, options.max_bytes_billed or self.max_bytes_billed),
        )
        if options.into:
            config.destination = options.into
            config.write_disposition = bigquery.WriteDisposition.WRITE_TRUNCATE
        if options.timeout_seconds:
            config.job_timeout_ms = options.timeout_seconds * 1000
        return config


def open_warehouse(settings: Settings, *, central: str, staging: str, retry_budget: RetryBudget) -> Warehouse:
    """The platform's warehouse with a client of its own."""
    options = {"api_endpoint": settings.bigquery_endpoint} if settings.bigquery_endpoint else None
    project, location = settings.project_id, settings.bigquery_location
    return Warehouse(
        client=bigquery.Client(project, own_credentials(), location=location, client_options=options),
        project=project,
        location=location,
        central=central,
        staging=staging,
        max_bytes_billed=settings.max_bytes_billed,
        retry_budget=retry_budget,
        labels={"service": "convergence", "function": settings.function_name or "local"},
    )
