"""Tries a stored credential as a run would use it, without reading a row."""

from __future__ import annotations

from dataclasses import dataclass

from shared.adapters.google.kms import CredentialKey
from shared.adapters.google.tenant_google import ExportSeen, check_impersonation, check_key
from shared.configuration.settings import Settings
from shared.connectors.tenant_buckets import StoreCredential
from shared.domain.credentials.billing_exports import (
    late_rows_warning,
    missing_columns_warning,
    unknown_columns_warning,
)
from shared.domain.credentials.credentials import (
    Credential,
    GcpImpersonation,
    GcpServiceAccountKey,
    parse_credentials,
)
from shared.domain.credentials.sealed import credential_aad
from shared.domain.credentials.verification import Problem, Verification, VerifyTask
from shared.errors import CredentialsLocked, CredentialsRejected, InvalidInput
from shared.use_cases.verify_files import look_at_files


@dataclass(frozen=True)
class CredentialVerification:
    """Tries a credential. It runs as the worker, the only account that decrypts and that keyless credentials trust."""

    key: CredentialKey
    settings: Settings

    def verify(self, task: VerifyTask) -> Verification:
        """The result that a run would have. It raises Unavailable if the cloud does not answer."""
        try:
            credential = self._opened(task)
        except CredentialsLocked as error:
            return Verification([Problem("credentials", error.message)])
        except (CredentialsRejected, ValueError):
            return Verification([Problem("credentials", "cannot be read any more; store them again")])
        if isinstance(credential, StoreCredential):
            return look_at_files(credential, task.tenant_id, self.settings)
        try:
            seen = self._look(credential, task.tenant_id)
        except InvalidInput as error:
            return Verification([Problem(**item) for item in error.facts["errors"]], credential.source)
        return self._verification(credential, seen)

    def _opened(self, task: VerifyTask) -> Credential:
        aad = credential_aad(tenant_id=task.tenant_id, provider=task.provider, credential_id=task.credential_id)
        document = self.key.decrypt(task.ciphertext, aad=aad)
        return parse_credentials(task.provider, task.credential_kind, document)

    def _look(self, credential: GcpServiceAccountKey | GcpImpersonation, tenant_id: str) -> ExportSeen | None:
        endpoint, storage = self.settings.bigquery_endpoint, self.settings.bigquery_storage_endpoint
        if isinstance(credential, GcpServiceAccountKey):
            return check_key(credential, endpoint=endpoint, storage_endpoint=storage)
        return check_impersonation(credential, tenant_id, endpoint=endpoint, storage_endpoint=storage)

    def _verification(self, credential: Credential, seen: ExportSeen | None) -> Verification:
        if seen is None:
            return Verification(source=credential.source)
        ours, problems = self.settings.bigquery_location, []
        if seen.location.upper() != ours.upper() and not self.settings.allow_other_location:
            message = f"LOCATION_MISMATCH: the export is in {seen.location}, the platform in {ours}"
            problems.append(Problem("credentials.billing_export_table", message))
        warnings = [
            unknown_columns_warning(seen.unknown_columns),
            missing_columns_warning(seen.missing_columns),
            late_rows_warning(is_partitioned_by_arrival=seen.is_partitioned_by_arrival),
        ]
        changed_at = seen.last_changed_at.isoformat() if seen.last_changed_at else None
        found = [each for each in warnings if each]
        return Verification(problems, credential.source, seen.location, changed_at, warnings=found)
