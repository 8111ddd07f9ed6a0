"""BigQuery for the platform: reads in one round trip, changes under job ids that make them happen once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import requests
from google.api_core import exceptions as google
from google.auth import exceptions as google_auth
from google.cloud import bigquery

from shared import errors, log
from shared.adapters.job_errors import in_words, reasons
from shared.adapters.job_labels import bound_labels, job_labels
from shared.adapters.own_identity import own_credentials
from shared.adapters.patience import CANCELLING, Patience
from shared.adapters.query_costs import Estimate
from shared.adapters.sql import Statement, placeholders
from shared.domain.retry import MOST_JOBS
from shared.settings import Settings

_TRANSIENT = (
    google.ServerError,
    google.TooManyRequests,
    google.RetryError,
    google_auth.TransportError,
    requests.ConnectionError,
    requests.Timeout,
)
_ABORTED = re.compile(r"aborted due to concurrent update|Could not serialize access", re.IGNORECASE)
_ASSERTION = re.compile(r"Assertion failed(?:: (?P<message>[^;\n]+))?", re.IGNORECASE)
_TOO_MANY_BYTES = "bytesBilledLimitExceeded"
_JOB_TIMEOUT_SECONDS = 240.0
_FIRST_POLL_SECONDS, _LAST_POLL_SECONDS = 0.05, 2.0

Row = Mapping[str, Any]
QueryJob = bigquery.QueryJob
Pause = Callable[[float], None]


class Missing(errors.JobFailed):
    """A job, or a dataset or table that a job needs, does not exist."""


class InvalidStatement(errors.JobFailed):
    """A statement that BigQuery would not run, whatever the rows."""


class AssertionFailed(errors.JobFailed):
    """An ASSERT in a script did not hold; `message` is what the script said."""


@dataclass(frozen=True)
class Warehouse:
    """The platform's BigQuery: one client, the platform's datasets, what its jobs carry and may cost at most."""

    client: bigquery.Client
    project: str
    location: str
    central: str
    staging: str
    labels: Mapping[str, str]
    max_bytes_billed: int
    patience: Patience = field(default_factory=Patience)

    def read(self, statement: Statement, values: Mapping[str, Any], *, dataset: str | None = None) -> list[Row]:
        """The rows of one SELECT, one job, one round trip when it is short."""
        sql, config = self._sql(statement, dataset), self._config(statement, values)
        retry, job_retry = self.patience.calls, self.patience.jobs
        with translated():
            rows = self.client.query_and_wait(sql, job_config=config, retry=retry, job_retry=job_retry)
            return [dict(row.items()) for row in rows]

    def change(
        self, statement: Statement, values: Mapping[str, Any], *, dataset: str | None = None
    ) -> bigquery.QueryJob:
        """Run a statement or script that writes, without a job id of the caller's; not for what must happen once."""
        sql, config = self._sql(statement, dataset), self._config(statement, values)
        with translated():
            job = self.client.query(sql, job_config=config, retry=self.patience.calls, job_retry=None)
            job.result(timeout=_JOB_TIMEOUT_SECONDS, retry=self.patience.calls, job_retry=self.patience.jobs)
            return job

    def insert(
        self,
        statement: Statement,
        values: Mapping[str, Any],
        *,
        job_id: str,
        dataset: str | None = None,
        labels: Mapping[str, str] | None = None,
        into: bigquery.TableReference | None = None,
        max_bytes_billed: int | None = None,
    ) -> bigquery.QueryJob:
        """Start a job under `job_id`; DuplicateJob when that id has been used. Wait for it with `finished`.

        The rows of a query replace those of table `into`, if one is given. `max_bytes_billed` is a limit within the
        platform's own.
        """
        sql, config = self._sql(statement, dataset), self._config(statement, values, labels, max_bytes_billed)
        if into:
            config.destination = into
            config.write_disposition = bigquery.WriteDisposition.WRITE_TRUNCATE
        with translated():
            try:
                retry = self.patience.calls
                return self.client.query(sql, job_config=config, job_id=job_id, retry=retry, job_retry=None)
            except google.Conflict as error:
                raise DuplicateJob(job_id) from error

    def estimate(self, statement: Statement, values: Mapping[str, Any], *, dataset: str | None = None) -> Estimate:
        """What a query would read and return, found out without running it; InvalidStatement when it cannot run."""
        sql, config = self._sql(statement, dataset), self._config(statement, values)
        config.dry_run = True
        with translated():
            try:
                job = self.client.query(sql, job_config=config, retry=self.patience.calls, job_retry=None)
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
        labels: Mapping[str, str] | None = None,
        pause: Pause | None = None,
        max_bytes_billed: int | None = None,
    ) -> bigquery.QueryJob:
        """The finished job of this id and content: run now, attached to, or done before.

        BigQuery refuses an id twice, so whatever happens the change happens at most once. A job that failed for a
        passing reason leaves its id behind: the next suffix is tried. `pause` makes a long wait, and may end it.
        """
        reason: str | None = None
        for suffix in range(MOST_JOBS):
            candidate = f"{job_id}-{suffix}"
            try:
                job = self.insert(
                    statement,
                    values,
                    job_id=candidate,
                    dataset=dataset,
                    labels=labels,
                    max_bytes_billed=max_bytes_billed,
                )
            except DuplicateJob:
                job = self.get_job(candidate)
                if reason := self.failure(job, pause):
                    continue
            return self.finished(job, pause)
        raise errors.JobFailed(f"{statement.name} failed {MOST_JOBS} times, the last time with: {reason}")

    def get_job(self, job_id: str) -> bigquery.QueryJob:
        """A job of this project and location, with its present state."""
        with translated():
            job = self.client.get_job(job_id, location=self.location, retry=self.patience.calls)
        if not isinstance(job, bigquery.QueryJob):
            raise errors.JobFailed(f"{job_id} is not a query job")
        return job

    def find_job(self, job_id: str) -> bigquery.QueryJob | None:
        """A job of this project and location, or None."""
        try:
            return self.get_job(job_id)
        except Missing:
            return None

    def finished(self, job: bigquery.QueryJob, pause: Pause | None = None) -> bigquery.QueryJob:
        """Wait for a job; raises what its error means."""
        if pause:
            wait_until_done(job, pause)
        with translated():
            job.result(timeout=_JOB_TIMEOUT_SECONDS, retry=self.patience.calls, job_retry=None)
            return job

    def failure(self, job: bigquery.QueryJob, pause: Pause | None = None) -> str | None:
        """Wait until the job is done: its error message, or None."""
        return failure_of(job, lambda: self.finished(job, pause))

    def rows_of(self, job: bigquery.QueryJob) -> list[Row]:
        """The rows a finished job returned: those of a script's last SELECT."""
        with translated():
            return [dict(row.items()) for row in job.result(retry=self.patience.calls, job_retry=None)]

    def stream(self, table: str, rows: Sequence[Mapping[str, Any]], *, row_ids: Sequence[str] | None = None) -> None:
        """Append rows to a central table by streaming: no DML limit, no conflict. For tables that Terraform made."""
        with translated():
            target, ids = f"{self.project}.{self.central}.{table}", list(row_ids) if row_ids else None
            failed = self.client.insert_rows_json(target, list(rows), row_ids=ids, retry=self.patience.calls)
        if failed:
            raise errors.JobFailed(f"{table}: rows were refused: {failed[0]['errors']}")

    def _sql(self, statement: Statement, dataset: str | None) -> str:
        known = {"tenants": self.central, "staging": self.staging, "dataset": dataset}
        return statement.sql(**{name: known[name] or "" for name in placeholders(statement.text)})

    def _config(
        self,
        statement: Statement,
        values: Mapping[str, Any],
        labels: Mapping[str, str] | None = None,
        max_bytes_billed: int | None = None,
    ) -> bigquery.QueryJobConfig:
        return bigquery.QueryJobConfig(
            query_parameters=statement.query_parameters(values),
            labels=job_labels({**self.labels, **bound_labels(), "statement": statement.name, **(labels or {})}),
            use_query_cache=False,
            maximum_bytes_billed=min(self.max_bytes_billed, max_bytes_billed or self.max_bytes_billed),
        )


class DuplicateJob(errors.ConvergenceError):
    """A job of this id exists."""


def open_warehouse(settings: Settings, *, central: str, staging: str, patience: Patience) -> Warehouse:
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
        patience=patience,
        labels={"service": "convergence", "function": settings.function_name or "local"},
    )


def failure_of(job: Any, wait: Callable[[], object]) -> str | None:
    """The error message of a job that `wait` waits for, or None. A question that fails is not the job's failure."""
    try:
        wait()
    except (errors.Unavailable, errors.JobFailed) as error:
        if not job.error_result:  # the wait may have learned of an error that this copy does not have yet
            with translated():
                job.reload()
        if not job.error_result:
            raise
        return error.message
    return None


def wait_until_done(job: Any, pause: Pause) -> None:
    """Ask for the job's state until it is done; `pause` waits in between, and may raise to end the wait.

    A run that is cancelled, or a step that is out of time, takes its job with it: nobody would read what it goes on to
    bill. Who hands over or was overtaken leaves it to those who wait for it next.
    """
    delay = _FIRST_POLL_SECONDS
    try:
        with translated():
            while not job.done():
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


@contextmanager
def translated() -> Iterator[None]:
    """Google's exceptions in the product's words."""
    try:
        yield
    except google.MethodNotImplemented as error:  # a 5xx that no repetition helps
        raise errors.JobFailed(in_words(error), raw=str(error.message)) from error
    except _TRANSIENT as error:
        if _TOO_MANY_BYTES in reasons(error):  # the client knows no status for this reason and takes it for a 500
            raise errors.BytesLimitExceeded(getattr(error, "message", None)) from error
        raise errors.Unavailable(retry_after=5) from error
    except google.NotFound as error:
        raise Missing(in_words(error), raw=str(error.message)) from error
    except google.GoogleAPICallError as error:
        message = str(error.message)
        if _ABORTED.search(message):
            raise errors.TransactionAborted from error
        if assertion := _ASSERTION.search(message):
            raise AssertionFailed(assertion["message"] or "") from error
        raise errors.JobFailed(in_words(error), raw=message) from error
