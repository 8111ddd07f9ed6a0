"""Stores and removes a tenant's cloud credentials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict

from shared.adapters.google.kms import CredentialKey
from shared.adapters.google.tenant_google import ExportSeen, check_key
from shared.adapters.stores.credentials import Credentials
from shared.adapters.stores.tenant_datasets import Preparation, TenantDatasets
from shared.configuration.settings import Settings
from shared.configuration.templates import usable_templates
from shared.domain.credentials.billing_exports import (
    late_rows_warning,
    missing_columns_warning,
    unknown_columns_warning,
)
from shared.domain.credentials.credentials import (
    GOOGLE_TOKEN_URI,
    Credential,
    CredentialRequest,
    GcpServiceAccountKey,
    check_credentials,
    credential_id_of,
    serialize_credentials,
)
from shared.domain.credentials.notices import (
    not_set_up,
    other_sources_warning,
    removal_warning,
    unnamed_source_warning,
    use_of,
)
from shared.domain.credentials.sealed import SealedCredential, credential_aad
from shared.domain.requests.creation import CreationRequest, Reply
from shared.domain.requests.parsing import validated
from shared.errors import InvalidInput, LocationMismatch, NotFound, Unavailable
from shared.runtime import log
from shared.use_cases.stored_credentials import StoredCredentials

_STORE_ATTEMPTS = 3


class StoreRequest(BaseModel):
    """The query string of a set-up."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    verify: bool = False


@dataclass(frozen=True)
class CredentialStored:
    """The answer of a set-up: what this call did, and what was there before."""

    tenant_id: str
    provider: str
    action: str
    dataset_status: str
    tables_created: Sequence[str]
    message: str
    pipelines: Sequence[str]
    warnings: Sequence[str]


@dataclass(frozen=True)
class CredentialSetup:
    """The requests that change credentials. The settings say which token addresses and locations are allowed."""

    credentials: Credentials
    key: CredentialKey
    datasets: TenantDatasets
    stored: StoredCredentials
    settings: Settings

    def store(self, tenant_id: str, creation: CreationRequest, query: Mapping[str, Any]) -> Reply:
        """Check, encrypt and store a credential, creating the tenant's dataset and tables where they are missing.

        The credential and its log entry are written last and together, so a stored credential always has a dataset and
        tables. A call that was cut off can be repeated, which completes it. The body has a CredentialRequest's fields,
        `query` those of a StoreRequest as text. With `verify` the worker tries the credential first; one that would not
        work is not stored.
        """
        request, verify = validated(CredentialRequest, creation.body), validated(StoreRequest, query).verify
        credential = check_credentials(
            request.provider,
            request.credentials,
            token_uris=self._token_uris(),
            own_project=self.settings.project_id,
        )
        seen = self._check_export(credential)
        sealed = self._seal(tenant_id, credential)
        if verify and (problems := self.stored.attempt(sealed).problems):
            found = [asdict(problem) for problem in problems]
            raise InvalidInput("; ".join(f"{each.field}: {each.message}" for each in problems), errors=found)
        preparation = self._prepare(tenant_id)
        action = self._store(sealed, user_id=creation.user_id)
        log.info("credential stored", provider=sealed.provider, credential_kind=sealed.credential_kind, action=action)
        served = {each.pipeline_id: each for each in usable_templates() if each.credentials == sealed.provider}
        pipelines = list(served)
        warnings = [
            use_of(sealed.provider, pipelines),
            *_warnings_of(seen),
            self._overlap(tenant_id, credential) if pipelines else None,
        ]
        if action == "UPDATED" and credential.source is None:
            schedules = self.credentials.list_schedules(tenant_id, sealed.provider)
            named = {pipeline_id: each.source_parameter for pipeline_id, each in served.items()}
            warnings.append(unnamed_source_warning(schedules, named))
        stored = CredentialStored(
            tenant_id=tenant_id,
            provider=sealed.provider,
            action=action,
            dataset_status="CREATED" if preparation.dataset_created else "ALREADY_EXISTS",
            tables_created=preparation.tables_created,
            message=f"{sealed.provider} credentials {'added' if action == 'CREATED' else 'updated'} successfully",
            pipelines=pipelines,
            warnings=[warning for warning in warnings if warning],
        )
        return Reply(asdict(stored), status=201 if action == "CREATED" else 200)

    def _overlap(self, tenant_id: str, credential: Credential) -> str | None:
        if credential.source is None:
            return None
        return other_sources_warning(
            credential.source, self.credentials.list_other_sources(tenant_id, credential.source)
        )

    def _prepare(self, tenant_id: str) -> Preparation:
        preparation = self.datasets.prepare(tenant_id)
        for refused in preparation.tables_refused:  # the tenant cannot repair this, so its call continues
            log.error("table cannot be changed in place", table=refused.table, obstacles=refused.reasons)
        return preparation

    def remove(self, tenant_id: str, provider: str, *, user_id: str | None) -> dict[str, Any]:
        """Remove a credential. The answer names the schedules that need one. It raises NotFound if there is none."""
        provider = provider.upper()
        self.stored.require(tenant_id, provider)
        if not self.credentials.delete_credential(tenant_id, provider, user_id=user_id):
            raise NotFound(not_set_up(provider))
        schedules = [
            {key: row[key] for key in ("config_id", "pipeline_id")}
            for row in self.credentials.list_schedules(tenant_id, provider)
        ]
        log.info("credential removed", provider=provider, schedules=len(schedules))
        warning = removal_warning(provider, len(schedules))
        return {
            "tenant_id": tenant_id,
            "provider": provider,
            "action": "DELETED",
            "schedules": schedules,
            "warnings": [warning] if warning else [],
        }

    def _token_uris(self) -> frozenset[str]:
        return frozenset({GOOGLE_TOKEN_URI, self.settings.tenant_token_uri or GOOGLE_TOKEN_URI})

    def _check_export(self, credential: Credential) -> ExportSeen | None:
        # Only Google's keys are tried here. Keyless credentials trust only the worker's account.
        if not isinstance(credential, GcpServiceAccountKey):
            return None
        seen = check_key(
            credential,
            endpoint=self.settings.bigquery_endpoint,
            storage_endpoint=self.settings.bigquery_storage_endpoint,
        )
        ours = self.settings.bigquery_location
        if seen is None or seen.location.upper() == ours.upper() or self.settings.allow_other_location:
            return seen
        message = f"LOCATION_MISMATCH: the export is in {seen.location}, the platform in {ours}"
        raise LocationMismatch(
            message,
            export_location=seen.location,
            platform_location=ours,
            errors=[{"field": "credentials.billing_export_table", "message": message}],
        )

    def _seal(self, tenant_id: str, credential: Credential) -> SealedCredential:
        credential_id = credential_id_of(tenant_id, credential.provider)
        aad = credential_aad(tenant_id=tenant_id, provider=credential.provider, credential_id=credential_id)
        sealed = self.key.encrypt(serialize_credentials(credential), aad=aad)
        return SealedCredential(
            credential_id=credential_id,
            tenant_id=tenant_id,
            provider=credential.provider,
            credential_kind=credential.kind,
            encrypted_credentials=sealed.ciphertext,
            kms_key_version=sealed.key_version,
            source=credential.source,
        )

    def _store(self, sealed: SealedCredential, *, user_id: str | None) -> str:
        for _ in range(_STORE_ATTEMPTS):
            if self.credentials.find(sealed.tenant_id, sealed.provider) is None:
                if self.credentials.insert_credential(sealed, user_id=user_id):
                    return "CREATED"
            elif self.credentials.update_credential(sealed, user_id=user_id):
                return "UPDATED"
        raise Unavailable("Other requests are changing this credential; try again.", retry_after=1)


def _warnings_of(seen: ExportSeen | None) -> list[str | None]:
    if seen is None:
        return []
    return [
        unknown_columns_warning(seen.unknown_columns),
        missing_columns_warning(seen.missing_columns),
        late_rows_warning(is_partitioned_by_arrival=seen.is_partitioned_by_arrival),
    ]
