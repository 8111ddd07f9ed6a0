"""Defines the context that the steps of a hop share: the run, the services, and the signal to stop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any

from shared.adapters.bigquery.sql import Statement
from shared.adapters.bigquery.staging import Staging
from shared.adapters.bigquery.warehouse import JobOptions, QueryJob, Warehouse
from shared.adapters.google.kms import CredentialKey
from shared.adapters.stores.runs import Runs
from shared.configuration.settings import Settings
from shared.domain.credentials.credentials import Credential
from shared.domain.credentials.decrypted import credential_of
from shared.domain.credentials.notices import not_set_up
from shared.domain.runs.attempt import Begun, ClaimedRun
from shared.domain.runs.delivery import RunTask
from shared.domain.templates.templates import Template
from shared.errors import CredentialsRejected
from shared.pipeline.plan import PlannedStep
from shared.pipeline.stop_signal import StopSignal


@dataclass(frozen=True)
class Services:
    """The services that an executor uses."""

    warehouse: Warehouse
    runs: Runs
    staging: Staging
    credential_key: CredentialKey
    settings: Settings


@dataclass(frozen=True)
class HopContext:
    """One request's part of a run. All reads of the source see it as it was at `snapshot_at`."""

    task: RunTask
    run: ClaimedRun
    template: Template
    parameters: Mapping[str, Any]
    source: str
    begun: Begun
    snapshot_at: datetime
    stop_signal: StopSignal
    services: Services

    def staging_table(self, step: PlannedStep) -> str:
        """The name of a step's staging table.

        A hash of the input is part of the name. So an overtaken attempt that read other rows and writes late writes
        into another table.
        """
        return f"{self.task.tenant_id}__{self.task.pipeline_logging_id}__{step.id}__{step.input_hash}"

    def ask(
        self, statement: Statement, values: Mapping[str, Any], *, job_id: str, max_bytes_billed: int | None
    ) -> QueryJob:
        """Run a statement over the tenant's dataset once under this id, and return the finished job."""
        return self.services.warehouse.once(
            statement,
            values,
            job_id=job_id,
            dataset=self.task.tenant_id,
            pause=self.stop_signal.pause_for_job,
            options=JobOptions(max_bytes_billed=max_bytes_billed),
        )

    @cached_property
    def credential(self) -> Credential:
        """The tenant's credential, decrypted once; CredentialsRejected if it is missing or cannot be decrypted."""
        sealed = self.run.credential
        if sealed is None:
            raise CredentialsRejected(not_set_up(self.template.credentials))
        document = self.services.credential_key.decrypt(sealed.encrypted_credentials, aad=sealed.aad)
        return credential_of(sealed, document)


def day_of(text: str | None) -> date | None:
    """A date parameter as a date."""
    return date.fromisoformat(text) if text else None
