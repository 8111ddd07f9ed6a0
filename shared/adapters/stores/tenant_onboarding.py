"""Writes tenants' profiles, subscriptions and API keys for the operator's command."""

from __future__ import annotations

import secrets
import string
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from google.cloud import bigquery

from shared.adapters.bigquery.contended import retried
from shared.adapters.bigquery.job_errors import AssertionFailed
from shared.adapters.bigquery.sql import statement
from shared.adapters.bigquery.warehouse import Warehouse
from shared.domain.requests.auth import hash_api_key
from shared.domain.requests.identifiers import check_tenant_id

_PLAN = "STARTER"
_ALPHABET, _RANDOM_LENGTH = string.ascii_lowercase + string.digits, 32  # 165 bits of randomness


@dataclass(frozen=True)
class TenantState:
    """A tenant's present state; without a live subscription its limits are None."""

    tenant_id: str
    status: str
    daily_limit: int | None
    concurrent_limit: int | None
    api_keys: int


@dataclass(frozen=True)
class TenantAdmission:
    """Writes tenant_profiles, tenant_subscriptions and tenant_api_keys. It stores only the hash of a key."""

    warehouse: Warehouse

    def onboard(self, tenant_id: str, *, company_name: str, daily_limit: int, concurrent_limit: int) -> str | None:
        """Create a tenant with a live subscription. It returns the API key, or None if the tenant exists. One job.

        It raises InvalidInput if the id is not valid for a tenant.
        """
        check_tenant_id(tenant_id)
        api_key = new_api_key(tenant_id)
        values = {
            **_key_values(tenant_id, api_key),
            "company_name": company_name,
            "plan_name": _PLAN,
            "subscription_id": str(uuid.uuid4()),
            "daily_limit": daily_limit,
            "concurrent_limit": concurrent_limit,
        }
        try:
            self._change("onboard_tenant", values)
        except AssertionFailed:
            return None
        return api_key

    def add_key(self, tenant_id: str) -> str | None:
        """Add an API key. It returns the key, or None if there is no such tenant. One job."""
        check_tenant_id(tenant_id)
        api_key = new_api_key(tenant_id)
        job = self._change("add_api_key", _key_values(tenant_id, api_key))
        return api_key if job.num_dml_affected_rows else None

    def rotate_key(self, tenant_id: str, *, overlap_hours: int) -> str | None:
        """Add an API key; the others end after the overlap. It returns None if there is no such tenant. One job."""
        check_tenant_id(tenant_id)
        api_key = new_api_key(tenant_id)
        values = {**_key_values(tenant_id, api_key), "overlap_hours": overlap_hours}
        try:
            self._change("rotate_api_key", values)
        except AssertionFailed:
            return None
        return api_key

    def set_status(self, tenant_id: str, status: str) -> None:
        """Set the status to ACTIVE or SUSPENDED. A DELETED tenant stays deleted. One job."""
        self._change("set_status", {"tenant_id": tenant_id, "status": status})

    def set_limits(self, tenant_id: str, *, daily_limit: int | None, concurrent_limit: int | None) -> None:
        """Change the limits of the live subscription. None leaves a limit as it is. One job."""
        values = {"tenant_id": tenant_id, "daily_limit": daily_limit, "concurrent_limit": concurrent_limit}
        self._change("set_limits", values)

    def find(self, tenant_id: str) -> TenantState | None:
        """The tenant's present state, or None. One job."""
        check_tenant_id(tenant_id)
        rows = self.warehouse.read(statement("tenant_onboarding", "find_tenant"), {"tenant_id": tenant_id})
        return TenantState(**rows[0]) if rows else None

    def _change(self, name: str, values: Mapping[str, Any]) -> bigquery.QueryJob:
        """Repeat the change while changes of other tenants abort it. In the end raise TransactionAborted."""
        return retried(partial(self.warehouse.change, statement("tenant_onboarding", name), values))


def new_api_key(tenant_id: str) -> str:
    """A new random key: `<tenant_id>_api_` and 32 lower-case letters and digits."""
    return f"{tenant_id}_api_" + "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_LENGTH))


def _key_values(tenant_id: str, api_key: str) -> dict[str, str]:
    return {"tenant_id": tenant_id, "api_key_id": str(uuid.uuid4()), "api_key_hash": hash_api_key(api_key)}
