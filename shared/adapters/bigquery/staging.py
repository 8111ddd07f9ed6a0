"""Fills staging tables. Each is filled by one job, whose id is used once; a load streams its data in small chunks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO, Any

from google import resumable_media as _untyped_media
from google.api_core import exceptions as _untyped_exceptions
from google.auth.transport import requests as google_requests
from google.cloud import bigquery
from google.resumable_media import requests as _untyped_uploads

from shared.adapters.bigquery.job_errors import DuplicateJob, Missing, translated
from shared.adapters.bigquery.job_labels import bound_labels, job_labels
from shared.adapters.bigquery.job_waits import Pause, wait_until_done
from shared.adapters.bigquery.sql import Statement
from shared.adapters.bigquery.warehouse import Job, JobOptions, Warehouse
from shared.adapters.google.own_identity import own_credentials
from shared.configuration.settings import Settings
from shared.configuration.tables import Table

resumable_media: Any = _untyped_media  # these modules have no type annotations
uploads: Any = _untyped_uploads
google_exceptions: Any = _untyped_exceptions
_CONFLICT = 409
_CHUNK_BYTES = 8 * 1024 * 1024  # the client's own load uses 100 MB, all of it in memory


@dataclass(frozen=True)
class Staging:
    """The staging dataset; `open_session` gives an authorised HTTP session for uploads."""

    warehouse: Warehouse
    open_session: Callable[[], Any]
    endpoint: str

    def exists(self, table: str) -> bool:
        """Whether a staging table exists."""
        try:
            with translated():
                self.warehouse.client.get_table(self._reference(table), retry=self.warehouse.retry_budget.calls)
        except Missing:
            return False
        return True

    def make_empty(self, table: str, like: Table) -> None:
        """Create an empty staging table with another table's columns, and replace an existing one."""
        reference = self._reference(table)
        with translated():
            self.warehouse.client.delete_table(reference, not_found_ok=True)
            self.warehouse.client.create_table(bigquery.Table(reference, schema=staging_schema(like)), exists_ok=True)

    def load(self, file: IO[bytes], table: str, like: Table, *, job_id: str) -> Job:
        """Replace a staging table by a Parquet stream in one job. It raises DuplicateJob if the job's id has been used.

        The upload is resumable and of unknown length: no more than one chunk is in memory.
        """
        config = bigquery.LoadJobConfig(
            source_format=bigquery.SourceFormat.PARQUET,
            schema=staging_schema(like),
            create_disposition=bigquery.CreateDisposition.CREATE_IF_NEEDED,
            write_disposition=bigquery.WriteDisposition.WRITE_TRUNCATE,
            labels=job_labels({**self.warehouse.labels, **bound_labels()}),
        )
        config.parquet_options = bigquery.ParquetOptions.from_api_repr({"enableListInference": True})
        configuration = config.to_api_repr()
        configuration["load"]["destinationTable"] = self._reference(table).to_api_repr()
        project, location = self.warehouse.project, self.warehouse.location
        reference = {"projectId": project, "jobId": job_id, "location": location}
        self._upload(file, {"jobReference": reference, "configuration": configuration})
        return self.warehouse.get_any_job(job_id)

    def fill(
        self,
        table: str,
        statement: Statement,
        values: Mapping[str, Any],
        *,
        job_id: str,
        dataset: str,
        max_bytes_billed: int | None,
    ) -> Job:
        """Replace a staging table by a query's result in one job. It raises DuplicateJob if the id has been used."""
        return self.warehouse.insert(
            statement,
            values,
            job_id=job_id,
            dataset=dataset,
            options=JobOptions(into=self._reference(table), max_bytes_billed=max_bytes_billed),
        )

    def wait_for(self, job: Job, pause: Pause) -> Job:
        """Wait until a job is done, and raise its error. `pause` waits in between, and may raise to end the wait."""
        retry_budget = self.warehouse.retry_budget
        wait_until_done(job, pause, retry_budget)
        with translated():
            job.result(retry=retry_budget.known_jobs)
        return job

    def count_rows(self, table: str) -> int:
        """The number of rows of a staging table that a job has filled."""
        with translated():
            found = self.warehouse.client.get_table(self._reference(table), retry=self.warehouse.retry_budget.calls)
            return int(found.num_rows or 0)

    def _upload(self, file: IO[bytes], metadata: Mapping[str, Any]) -> None:
        host = self.endpoint or "https://bigquery.googleapis.com"
        url = f"{host}/upload/bigquery/v2/projects/{self.warehouse.project}/jobs?uploadType=resumable"
        upload, session = uploads.ResumableUpload(url, _CHUNK_BYTES), self.open_session()
        with translated():
            try:
                upload.initiate(session, file, metadata, "application/vnd.apache.parquet", stream_final=False)
                while not upload.finished:
                    upload.transmit_next_chunk(session)
            except resumable_media.InvalidResponse as error:
                if error.response.status_code == _CONFLICT:
                    raise DuplicateJob(metadata["jobReference"]["jobId"]) from error
                raise google_exceptions.from_http_response(error.response) from error

    def _reference(self, table: str) -> bigquery.TableReference:
        dataset = bigquery.DatasetReference(self.warehouse.project, self.warehouse.staging)
        return dataset.table(table)


def staging_schema(table: Table) -> list[bigquery.SchemaField]:
    """A table's columns without REQUIRED, because checks look for NULLs in staging."""
    return [bigquery.SchemaField.from_api_repr(_relaxed(column.to_api())) for column in table.columns]


def _relaxed(field: Mapping[str, Any]) -> dict[str, Any]:
    mode = "REPEATED" if field["mode"] == "REPEATED" else "NULLABLE"
    return {**field, "mode": mode, "fields": [_relaxed(item) for item in field.get("fields", [])]}


def open_staging(warehouse: Warehouse, settings: Settings) -> Staging:
    """The staging dataset. Its upload session uses the function's own identity."""

    def open_session() -> Any:
        return google_requests.AuthorizedSession(own_credentials())

    return Staging(warehouse, open_session, settings.bigquery_endpoint)
