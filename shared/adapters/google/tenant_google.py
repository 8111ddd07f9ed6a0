"""Checks a tenant's credential for Google Cloud, by using it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from google.api_core import exceptions as google
from google.auth import exceptions as google_auth
from google.auth import impersonated_credentials
from google.auth.transport.requests import Request
from google.cloud import bigquery
from google.oauth2 import service_account

from shared.adapters.bigquery.job_errors import translated
from shared.adapters.google.error_table import outage_of
from shared.adapters.google.own_identity import own_credentials
from shared.adapters.google.retry_budget import RetryBudget
from shared.configuration.tables import get_table
from shared.domain.credentials.billing_exports import export_problem, missing_columns, unknown_columns
from shared.domain.credentials.credentials import GcpImpersonation, GcpServiceAccountKey
from shared.domain.credentials.rsa_keys import plain_rsa_pem
from shared.domain.credentials.trust import EXPORT_LABEL
from shared.errors import InvalidInput, Unavailable

_SCOPES = ("https://www.googleapis.com/auth/bigquery",)
_TIMEOUT_SECONDS = 10.0
_RETRY_BUDGET = RetryBudget(15.0)
_KEY_FIELD = "credentials.service_account_json"
_TABLE_FIELD = "credentials.billing_export_table"
_PROJECT_FIELD = "credentials.project_id"
_NOT_READ = "may not be read with these credentials; grant their account BigQuery Data Viewer on the table"
_MISSING = "does not exist"
_ACCOUNT_FIELD = "credentials.impersonate_service_account"
_NOT_TRUSTED = (
    "does not let the platform's worker act as it; grant the worker Service Account Token Creator on this account"
)
_LOADED_INTO = "gcp_cost_billing"


def key_credentials(credential: GcpServiceAccountKey) -> Any:
    """Google's credentials object for a service account key. A bad key raises a ValueError that does not quote it."""
    key = credential.service_account_json
    pem = plain_rsa_pem(key.private_key.get_secret_value())
    try:
        return service_account.Credentials.from_service_account_info(
            key.model_dump() | {"private_key": pem}, scopes=_SCOPES
        )
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("is not an RSA private key") from None


@dataclass(frozen=True)
class ExportSeen:
    """An export that a credential can read: its location, and how its columns differ from the known ones."""

    location: str
    unknown_columns: Sequence[str]
    missing_columns: Sequence[str]
    is_partitioned_by_arrival: bool
    last_changed_at: datetime | None = None


def check_key(credential: GcpServiceAccountKey, *, endpoint: str, storage_endpoint: str) -> ExportSeen | None:
    """Prove that Google accepts the key, that the export is a billing export, and that the project may pay for reads.

    It returns the export, or None if the credential names none. It raises InvalidInput, which names the refused field,
    or Unavailable if Google does not answer.
    """
    try:
        credentials = key_credentials(credential)
    except ValueError as error:
        raise InvalidInput.of_field(f"{_KEY_FIELD}.private_key", str(error)) from error
    with _refusals_named():
        return _look(credentials, credential, endpoint=endpoint, storage_endpoint=storage_endpoint)


def check_impersonation(
    credential: GcpImpersonation, tenant_id: str, *, endpoint: str, storage_endpoint: str
) -> ExportSeen | None:
    """As `check_key`, for an account that this process impersonates. The export's label must name the tenant.

    Without the label the answer says nothing about the export, not even that it exists. See docs/adr/0008.
    """
    credentials = impersonated_credentials.Credentials(
        source_credentials=own_credentials(), target_principal=credential.account, target_scopes=list(_SCOPES)
    )
    try:
        credentials.refresh(partial(Request(), timeout=_TIMEOUT_SECONDS))
    except google_auth.RefreshError as error:
        if error.retryable:
            raise Unavailable(retry_after=5) from error
        raise InvalidInput.of_field(_ACCOUNT_FIELD, _NOT_TRUSTED) from error
    unlabelled = f"may not be read by the account, or needs the label {EXPORT_LABEL} with the value {tenant_id}"
    try:
        with _refusals_named():
            seen = _look(
                credentials, credential, endpoint=endpoint, storage_endpoint=storage_endpoint, labelled_for=tenant_id
            )
    except _Unlabelled as error:
        raise InvalidInput.of_field(_TABLE_FIELD, unlabelled) from error
    except InvalidInput as error:
        if {item["message"] for item in error.facts["errors"]} & {_NOT_READ, _MISSING}:
            raise InvalidInput.of_field(_TABLE_FIELD, unlabelled) from error
        raise
    return seen


class _Unlabelled(Exception):
    """The export has no label that names this tenant."""


def _look(
    credentials: Any,
    credential: GcpServiceAccountKey | GcpImpersonation,
    *,
    endpoint: str,
    storage_endpoint: str,
    labelled_for: str | None = None,
) -> ExportSeen | None:
    credentials.refresh(partial(Request(), timeout=_TIMEOUT_SECONDS))
    if credential.billing_export_table is None:
        return None
    options = {"api_endpoint": endpoint} if endpoint else None
    client = bigquery.Client(project=credential.project_id, credentials=credentials, client_options=options)
    table = client.get_table(credential.billing_export_table, timeout=_TIMEOUT_SECONDS, retry=_RETRY_BUDGET.calls)
    if labelled_for is not None and table.labels.get(EXPORT_LABEL) != labelled_for:
        raise _Unlabelled
    found = [field.to_api_repr() for field in table.schema]
    known = [column.to_api() for column in get_table("tenant_dataset", _LOADED_INTO).columns]
    if problem := export_problem(table.table_type, found, known):
        raise InvalidInput.of_field(_TABLE_FIELD, problem)
    _check_read(credentials, table, project=credential.project_id, endpoint=storage_endpoint)
    return ExportSeen(
        location=str(table.location),
        unknown_columns=unknown_columns(found, known),
        missing_columns=missing_columns(found, known),
        is_partitioned_by_arrival=bool(table.time_partitioning) and table.time_partitioning.field is None,
        last_changed_at=table.modified,
    )


def _check_read(credentials: Any, table: bigquery.Table, *, project: str, endpoint: str) -> None:
    from shared.adapters.google.read_sessions import (
        project_problem,
        try_read_session,
    )  # loads gRPC, which only this call needs

    try:
        try_read_session(
            credentials,
            table,
            project=project,
            endpoint=endpoint,
            timeout_seconds=_TIMEOUT_SECONDS,
            retry_budget=_RETRY_BUDGET,
        )
    except google.Forbidden as error:
        if problem := project_problem(error):
            raise InvalidInput.of_field(_PROJECT_FIELD, problem) from error
        raise
    except google.BadRequest as error:
        raise InvalidInput.of_field(_TABLE_FIELD, f"cannot be read: {str(error.message)[:200]}") from error


@contextmanager
def _refusals_named() -> Iterator[None]:
    try:
        with translated():
            try:
                yield
            except google.Forbidden as error:
                if outage_of(error, _TABLE_FIELD):  # a quota of the tenant's own project
                    raise
                raise InvalidInput.of_field(_TABLE_FIELD, _NOT_READ) from error
            except google.NotFound as error:
                raise InvalidInput.of_field(_TABLE_FIELD, _MISSING) from error
            except google.Unauthorized as error:
                raise InvalidInput.of_field(_TABLE_FIELD, _NOT_READ) from error
    except google_auth.RefreshError as error:
        if error.retryable:
            raise Unavailable(retry_after=5) from error
        raise InvalidInput.of_field(_KEY_FIELD, "Google refuses this key") from error
