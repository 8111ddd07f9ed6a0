"""Onboards tenants as the subscription system would, with the statements of the operator's command."""

from __future__ import annotations

from dataclasses import dataclass

from google.cloud import bigquery

from devcloud.clients import warehouse_of
from devcloud.errors import UserError
from shared.adapters.stores.tenant_onboarding import TenantAdmission


class OnboardingError(UserError):
    """The tenant cannot be onboarded, or given a key; the message says why."""


@dataclass(frozen=True)
class Onboarded:
    """A tenant and its new API key, which is stored nowhere and shown once."""

    tenant_id: str
    api_key: str


def onboard(client: bigquery.Client, tenant_id: str, *, daily_limit: int = 25, concurrent_limit: int = 3) -> Onboarded:
    """Make a tenant with a live subscription; raises OnboardingError if there is a tenant with that id.

    Raises InvalidInput if the id is not allowed. The client is the operator's.
    """
    api_key = TenantAdmission(warehouse_of(client)).onboard(
        tenant_id,
        company_name=tenant_id.replace("_", " ").title(),
        daily_limit=daily_limit,
        concurrent_limit=concurrent_limit,
    )
    if api_key is None:
        raise OnboardingError(f"{tenant_id} is onboarded already; --new-key gives it another API key")
    return Onboarded(tenant_id, api_key)


def add_api_key(client: bigquery.Client, tenant_id: str) -> Onboarded:
    """Give an onboarded tenant another API key; raises OnboardingError if there is no such tenant."""
    api_key = TenantAdmission(warehouse_of(client)).add_key(tenant_id)
    if api_key is None:
        raise OnboardingError(f"there is no tenant {tenant_id}; onboard it without --new-key first")
    return Onboarded(tenant_id, api_key)
