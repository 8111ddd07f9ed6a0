"""A tenant's billing export in BigQuery, streamed by the Storage Read API with the tenant's own credentials."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
from google.api_core import exceptions as google
from google.auth import exceptions as google_auth
from google.auth import impersonated_credentials
from google.cloud import bigquery
from google.cloud import bigquery_storage as _untyped_storage
from google.cloud.bigquery_storage_v1.types import DataFormat, ReadSession

from shared import errors
from shared.adapters.google.error_table import FAILURES, STORAGE, Course, meaning_of, outage_of
from shared.adapters.google.own_identity import own_credentials
from shared.adapters.google.read_sessions import demanded_filter, project_problem
from shared.adapters.google.retry_budget import RetryBudget
from shared.adapters.google.tenant_google import key_credentials
from shared.configuration.settings import Settings
from shared.domain.credentials.credentials import GcpImpersonation, GcpServiceAccountKey
from shared.domain.credentials.google_names import parts_of_table
from shared.domain.credentials.trust import EXPORT_LABEL
from shared.runtime.request_time import check_stop, interruptible

bigquery_storage: Any = _untyped_storage  # a part of the module has no type annotations
_SCOPES = ["https://www.googleapis.com/auth/bigquery"]
_TIMEOUT_SECONDS = 30.0
_MESSAGE_LENGTH = 200
_RETRY_BUDGET = RetryBudget(300.0)  # for calls to the tenant's own project


@dataclass(frozen=True)
class ExportTable:
    """The description of an export: its location, its columns as in the API, and how it is partitioned.

    `arrival_partition` is the length of its partitions by time of arrival: HOUR, DAY, MONTH or YEAR. It is None for a
    table that is partitioned otherwise, or not at all. `demanded_filter` is the column, with its type, that every read
    must filter by, because the owner requires it; None if the owner does not.
    """

    location: str
    kind: str
    columns: Sequence[dict[str, Any]]
    arrival_partition: str | None
    demanded_filter: tuple[str, str] | None
    labels: Mapping[str, str]


@dataclass(frozen=True)
class TenantExport:
    """Reads one table as the tenant; sessions belong to the tenant's own project."""

    tables: bigquery.Client
    storage: Any  # BigQueryReadClient
    project: str
    table: str  # project.dataset.table

    def describe(self) -> ExportTable:
        """The table's description. It raises SourceNotFound if the table is missing or may not be read."""
        with source_errors(self.table):
            found = self.tables.get_table(self.table, timeout=_TIMEOUT_SECONDS, retry=_RETRY_BUDGET.calls)
        return described(found)

    def describe_for(self, tenant_id: str) -> ExportTable:
        """As `describe`, for credentials without a secret: the table's owner must have labelled it for this tenant.

        An account that trusts the platform's worker does not say for which tenant: any tenant could name another
        tenant's account and export. Only the owner can set the label. Without it the answer does not even say that
        the table exists. See docs/adr/0008.
        """
        label = f"the label {EXPORT_LABEL} with the value {tenant_id}"
        missing = f"{self.table} may not be read by the account, or needs {label}"
        try:
            found = self.describe()
        except errors.SourceNotFound as error:
            raise errors.SourceNotFound(missing) from error
        if found.labels.get(EXPORT_LABEL) != tenant_id:
            raise errors.SourceNotFound(missing)
        return found

    def batches(self, columns: Sequence[str], *, where: str, snapshot_at: datetime) -> Iterator[pa.RecordBatch]:
        """The rows as they were at `snapshot_at`, in batches of some thousand. Only one batch is in memory."""
        retry = _RETRY_BUDGET.of_service(STORAGE)
        with source_errors(self.table, project=self.project):
            session = self.storage.create_read_session(
                parent=f"projects/{self.project}",
                read_session=self._session(columns, where, snapshot_at),
                max_stream_count=1,
                timeout=_TIMEOUT_SECONDS,
                retry=retry,
            )
            schema = pa.ipc.read_schema(pa.py_buffer(session.arrow_schema.serialized_schema))
            for stream in session.streams:
                yield from self._rows(self.storage.read_rows(stream.name, retry=retry), schema)

    @staticmethod
    def _rows(answers: Any, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        with interruptible(answers.cancel):
            for answer in answers:
                yield pa.ipc.read_record_batch(answer.arrow_record_batch.serialized_record_batch, schema)

        check_stop()  # a cancelled stream ends like a complete one

    def _session(self, columns: Sequence[str], where: str, snapshot_at: datetime) -> ReadSession:
        project, dataset, table = parts_of_table(self.table)
        options = ReadSession.TableReadOptions(selected_fields=list(columns), row_restriction=where)
        return ReadSession(
            table=f"projects/{project}/datasets/{dataset}/tables/{table}",
            data_format=DataFormat.ARROW,
            read_options=options,
            table_modifiers=ReadSession.TableModifiers(snapshot_time=snapshot_at),
        )


def described(found: bigquery.Table) -> ExportTable:
    """The description of a table that the client read."""
    types = {field.name: field.field_type for field in found.schema}
    by_time, demanded = found.time_partitioning, demanded_filter(found)
    return ExportTable(
        location=found.location,
        kind=found.table_type,
        columns=[field.to_api_repr() for field in found.schema],
        arrival_partition=by_time.type_ if by_time and by_time.field is None else None,
        demanded_filter=(demanded, types.get(demanded, "TIMESTAMP")) if demanded else None,
        labels=found.labels,
    )


@contextmanager
def source_errors(table: str, *, project: str = "") -> Iterator[None]:
    """Translate Google's exceptions about a tenant's table into the product's. `project` pays for the read."""
    try:
        yield
    except (*FAILURES, google_auth.RefreshError) as error:
        failure = _as_error(error, table, project)
        raise failure from error


def _as_error(error: Exception, table: str, project: str) -> errors.ConvergenceError:
    if isinstance(error, google_auth.RefreshError):
        return _refusal(error)
    if outage := outage_of(error, table, service=STORAGE):
        # The platform's own quota becomes free again. The tenant's project may refuse for ever, so its refusals use up
        # attempts.
        is_quota = isinstance(outage, errors.Throttled)
        return errors.SourceThrottled(outage.message, **outage.facts) if is_quota else outage
    if isinstance(error, google.NotFound):
        return errors.SourceNotFound(f"{table} does not exist")
    if isinstance(error, google.Forbidden) and (problem := project_problem(error)):
        return errors.SourceNotFound(f"the credential's project {project} {problem}")
    if isinstance(error, google.Forbidden | google.Unauthorized):
        return errors.SourceNotFound(f"{table} may not be read with the tenant's credentials")
    is_final = meaning_of(error, service=STORAGE).course is Course.FAIL
    kind = errors.StepRefused if is_final else errors.StepFailed
    return kind(f"{table}: {getattr(error, 'message', error)}")


def _refusal(error: google_auth.RefreshError) -> errors.ConvergenceError:
    if error.retryable:
        return errors.Unavailable("Google's token server did not answer")
    said = _said_by_google(error)
    return errors.CredentialsRejected(f"Google refuses the tenant's credentials{f': {said}' if said else ''}")


def _said_by_google(error: google_auth.RefreshError) -> str:
    """The reason why IAM gives no token for an account: the message in its error document."""
    try:
        return str(json.loads(error.args[1])["error"]["message"])[:_MESSAGE_LENGTH]
    except (IndexError, KeyError, TypeError, ValueError):
        return ""


def open_tenant_export(
    credential: GcpServiceAccountKey | GcpImpersonation, table: str, settings: Settings
) -> TenantExport:
    """Open the export with the tenant's credential. It raises CredentialsRejected if the key cannot be read."""
    credentials = _google_credentials(credential)
    endpoint, storage_endpoint = settings.bigquery_endpoint, settings.bigquery_storage_endpoint
    return TenantExport(
        tables=bigquery.Client(
            project=credential.project_id,
            credentials=credentials,
            client_options={"api_endpoint": endpoint} if endpoint else None,
        ),
        storage=bigquery_storage.BigQueryReadClient(
            credentials=credentials,
            client_options={"api_endpoint": storage_endpoint} if storage_endpoint else None,
        ),
        project=credential.project_id,
        table=table,
    )


def _google_credentials(credential: GcpServiceAccountKey | GcpImpersonation) -> Any:
    if isinstance(credential, GcpServiceAccountKey):
        try:
            return key_credentials(credential)
        except ValueError as error:
            raise errors.CredentialsRejected(
                "The stored private key cannot be read; store the credential again."
            ) from error
    return impersonated_credentials.Credentials(
        source_credentials=own_credentials(),
        target_principal=credential.impersonate_service_account,
        target_scopes=_SCOPES,
    )
