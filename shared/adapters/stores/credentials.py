"""The store of tenants' encrypted credentials. A change and its entry in the step log are one transaction."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from google.cloud import bigquery

from shared.adapters.bigquery.contended import retried
from shared.adapters.bigquery.job_errors import DuplicateJob, translated
from shared.adapters.bigquery.sql import statement
from shared.adapters.bigquery.warehouse import JobOptions, Row, Warehouse
from shared.adapters.stores.ciphertexts import replace_ciphertexts, replacement
from shared.domain.credentials.sealed import SealedCredential
from shared.domain.numbers_in_order import last_taken

_ANSWER_SECONDS = 20.0  # a user waits for the answer


@dataclass(frozen=True)
class Credentials:
    """Reads and changes tenant_cloud_credentials."""

    warehouse: Warehouse

    def list_all(self, tenant_id: str) -> Sequence[Row]:
        """The tenant's stored credentials, without secrets."""
        return self.warehouse.read(statement("credentials", "list_credentials"), {"tenant_id": tenant_id})

    def find(self, tenant_id: str, provider: str) -> SealedCredential | None:
        """The tenant's credential for the provider, encrypted."""
        values = {"tenant_id": tenant_id, "provider": provider}
        rows = self.warehouse.read(statement("credentials", "find_credential"), values)
        return SealedCredential(**rows[0]) if rows else None

    def insert_credential(self, credential: SealedCredential, *, user_id: str | None) -> bool:
        """Store the first credential for its tenant and provider. It returns False if there is one already.

        BigQuery has no unique keys and INSERTs never conflict, so the jobs' ids order the first inserts: each caller
        takes the first free id once all earlier jobs have ended, and inserts only when there is no row. A tenant may
        store and remove credentials for ever, so the free id is searched and not counted up to.
        """
        log_id = uuid.uuid4().hex
        values = {**asdict(credential), "user_id": user_id, "log_id": log_id}
        insert = statement("credentials", "insert_credential")
        dataset, options = credential.tenant_id, JobOptions({"log_id": log_id})
        suffix = 0
        while True:
            job_id = _job_id(credential.credential_id, suffix)
            try:
                job = self.warehouse.insert(insert, values, job_id=job_id, dataset=dataset, options=options)
            except DuplicateJob:
                job = self.warehouse.get_job(job_id)
                if job.labels.get("log_id") != log_id:  # the job of another call, not of this one sent twice
                    self.warehouse.failure(job)
                    last = last_taken(suffix, partial(self._is_taken, credential.credential_id))
                    suffix = (
                        last if last > suffix else suffix + 1
                    )  # the job of the last id has to end before this goes on
                    continue
            return self._changed(self.warehouse.finished(job))

    def update_credential(self, credential: SealedCredential, *, user_id: str | None) -> bool:
        """Replace the credential of its tenant and provider. It returns False if there is none."""
        values = {**asdict(credential), "user_id": user_id}
        del values["credential_id"]
        return self._change("update_credential", credential.tenant_id, values)

    def delete_credential(self, tenant_id: str, provider: str, *, user_id: str | None) -> bool:
        """Remove the credential. It returns False if there is none."""
        return self._change(
            "delete_credential", tenant_id, {"tenant_id": tenant_id, "provider": provider, "user_id": user_id}
        )

    def list_schedules(self, tenant_id: str, provider: str) -> Sequence[Row]:
        """The tenant's active schedules whose runs need a credential for the provider."""
        values = {"tenant_id": tenant_id, "provider": provider}
        return self.warehouse.read(statement("credentials", "list_schedules_of_provider"), values)

    def list_other_sources(self, tenant_id: str, source: str) -> Sequence[str]:
        """The sources of the same provider, other than this one, whose rows the tenant's runs have published."""
        values = {"source": source, "prefix": f"{source.partition(':')[0]}:"}
        rows = self.warehouse.read(statement("credentials", "list_other_sources"), values, dataset=tenant_id)
        return [row["source"] for row in rows]

    def list_encrypted_otherwise(self, key_version: str) -> Sequence[SealedCredential]:
        """Every tenant's credentials that another version of the key encrypted."""
        values = {"kms_key_version": key_version}
        rows = self.warehouse.read(statement("credentials", "list_encrypted_otherwise"), values)
        return [SealedCredential(**row) for row in rows]

    def replace_ciphertexts(self, pairs: Sequence[tuple[SealedCredential, SealedCredential]]) -> int:
        """Replace the first credential of each pair by the second if the first is still stored. Return the number."""
        replacements = (
            replacement(
                tenant_id=before.tenant_id,
                provider=before.provider,
                before=before.encrypted_credentials,
                after=after.encrypted_credentials,
                kms_key_version=after.kms_key_version,
            )
            for before, after in pairs
        )
        return replace_ciphertexts(self.warehouse, statement("credentials", "replace_ciphertexts"), replacements)

    def _change(self, name: str, tenant_id: str, values: Mapping[str, Any]) -> bool:
        logged = {**values, "log_id": uuid.uuid4().hex}
        change = statement("credentials", name)
        with translated():
            run = partial(self.warehouse.change, change, logged, dataset=tenant_id)
            job = retried(run, for_seconds=_ANSWER_SECONDS)
        return self._changed(job)

    def _is_taken(self, credential_id: str, suffix: int) -> bool:
        return self.warehouse.find_job(_job_id(credential_id, suffix)) is not None

    def _changed(self, job: bigquery.QueryJob) -> bool:
        return bool(self.warehouse.rows_of(job)[0]["changed"])


def _job_id(credential_id: str, suffix: int) -> str:
    return f"cvg-credential-{credential_id}-{suffix}"
