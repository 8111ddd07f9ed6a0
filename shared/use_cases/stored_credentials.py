"""Lists a tenant's stored credentials, tries them, and returns the guides for new ones. It changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict

from shared.adapters.bigquery.warehouse import Row
from shared.adapters.google.credential_verifier import CredentialVerifier
from shared.adapters.stores.credentials import Credentials
from shared.domain.credentials.credentials import PROVIDERS, Cloud
from shared.domain.credentials.decrypted import require_source
from shared.domain.credentials.notices import not_set_up
from shared.domain.credentials.sealed import SealedCredential
from shared.domain.credentials.setup_guides import Platform, setup_guide
from shared.domain.credentials.verification import Problem, Verification
from shared.domain.requests.parsing import NoBody, validated
from shared.errors import NotFound
from shared.runtime import log
from shared.runtime.concurrency_limit import ConcurrencyLimit


class SetupRequest(BaseModel):
    """The query string of the set-up's guide."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    provider: Cloud


@dataclass(frozen=True)
class CredentialVerified:
    """The answer of a trial; without `problems` a run would read the source."""

    tenant_id: str
    provider: str
    verified: bool
    problems: Sequence[Problem]
    source: str | None
    location: str | None
    last_changed_at: str | None
    format: str | None
    newest_period: str | None
    warnings: Sequence[str]


def trial_limit() -> ConcurrencyLimit:
    """The limit that lets one credential of a tenant be tried at a time; others do not wait.

    A trial takes as long as the tenant's cloud does, so one tenant's trials could keep every instance waiting.
    """
    message = "A credential of this tenant is being tried; wait until that has ended, then try again."
    return ConcurrencyLimit(message, max_length=1, seconds=0, retry_after=15, cap="trials")


@dataclass(frozen=True)
class StoredCredentials:
    """The requests that read a tenant's credentials. `platform` is whom a tenant's cloud lets in."""

    credentials: Credentials
    verifier: CredentialVerifier
    platform: Platform
    trials: ConcurrencyLimit = field(default_factory=trial_limit)

    def list_all(self, tenant_id: str) -> Sequence[Row]:
        """The tenant's stored credentials, without secrets. One job."""
        return self.credentials.list_all(tenant_id)

    def verify(self, tenant_id: str, provider: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Try the stored credential and return what a run would find. It raises NotFound if there is none."""
        validated(NoBody, body)
        sealed = self.require(tenant_id, provider.upper())
        found = self.attempt(sealed)
        log.info("credential tried", provider=sealed.provider, problems=len(found.problems))
        return asdict(CredentialVerified(tenant_id, sealed.provider, not found.problems, **vars(found)))

    def attempt(self, sealed: SealedCredential) -> Verification:
        """Try a credential as a run would use it. TooManyRequests while another of the tenant's is being tried."""
        with self.trials.slot(sealed.tenant_id):
            found = self.verifier.verify(sealed)
        if found.source is not None:
            require_source(sealed, found.source)
        return found

    def require(self, tenant_id: str, provider: str) -> SealedCredential:
        """The stored credential, encrypted. NotFound if there is none, or no such provider. One job."""
        if provider not in PROVIDERS:
            raise NotFound(f"There is no such provider; the providers are {', '.join(PROVIDERS)}.")
        if (sealed := self.credentials.find(tenant_id, provider)) is None:
            raise NotFound(not_set_up(provider))
        return sealed

    def guide(self, tenant_id: str, query: Mapping[str, Any]) -> dict[str, Any]:
        """The guide for a cloud: what to paste there so that runs of this tenant may read without a key. No job."""
        return asdict(setup_guide(validated(SetupRequest, query).provider, tenant_id, self.platform))
