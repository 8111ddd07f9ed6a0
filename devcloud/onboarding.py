"""Onboards tenants in the subscription system's place: profile, subscription and API key."""

from __future__ import annotations

import hashlib
import secrets
import string
import uuid
from dataclasses import dataclass
from pathlib import Path

from google.api_core.exceptions import BadRequest
from google.cloud import bigquery

from devcloud.errors import UserError
from shared.domain.identifiers import check_tenant_id
from shared.platform_config import get_platform

_SQL = Path(__file__).with_name("sql")
_KEY_ALPHABET = string.ascii_lowercase + string.digits
_KEY_LENGTH = 32


class OnboardingError(UserError):
    """The tenant cannot be onboarded, or given a key; the message says why."""


@dataclass(frozen=True)
class Onboarded:
    """A tenant and its new API key, which is stored nowhere and shown once."""

    tenant_id: str
    api_key: str


def onboard(client: bigquery.Client, tenant_id: str, *, daily_limit: int = 25, concurrent_limit: int = 3) -> Onboarded:
    """Make a tenant with a live subscription; OnboardingError when there is one of that id.

    InvalidInput when the id may not be a tenant's. The client is the operator's.
    """
    check_tenant_id(tenant_id)
    onboarded = Onboarded(tenant_id, _new_key(tenant_id))
    values = _key_parameters(onboarded) | {
        "company_name": tenant_id.replace("_", " ").title(),
        "subscription_id": str(uuid.uuid4()),
        "daily_limit": daily_limit,
        "concurrent_limit": concurrent_limit,
    }
    try:
        _run(client, "onboard_tenant", values)
    except BadRequest as error:
        if "already onboarded" not in str(error):
            raise
        raise OnboardingError(f"{tenant_id} is onboarded already; --new-key gives it a further API key") from error
    return onboarded


def add_api_key(client: bigquery.Client, tenant_id: str) -> Onboarded:
    """Give an onboarded tenant a further API key; OnboardingError when there is no such tenant."""
    onboarded = Onboarded(tenant_id, _new_key(tenant_id))
    if _run(client, "add_api_key", _key_parameters(onboarded)) != 1:
        raise OnboardingError(f"there is no tenant {tenant_id}; onboard it without --new-key first")
    return onboarded


def _new_key(tenant_id: str) -> str:
    return f"{tenant_id}_api_" + "".join(secrets.choice(_KEY_ALPHABET) for _ in range(_KEY_LENGTH))


def _key_parameters(onboarded: Onboarded) -> dict[str, str | int]:
    return {
        "tenant_id": onboarded.tenant_id,
        "api_key_id": str(uuid.uuid4()),
        "api_key_hash": hashlib.sha256(onboarded.api_key.encode()).hexdigest(),
    }


def _run(client: bigquery.Client, statement: str, values: dict[str, str | int]) -> int | None:
    """Run a statement of devcloud/sql on the central dataset; the rows it changed, where it is a single one."""
    config = bigquery.QueryJobConfig(
        default_dataset=f"{client.project}.{get_platform().datasets.central}",
        query_parameters=[
            bigquery.ScalarQueryParameter(name, "INT64" if isinstance(value, int) else "STRING", value)
            for name, value in values.items()
        ],
    )
    job = client.query((_SQL / f"{statement}.sql").read_text(encoding="utf-8"), job_config=config)
    job.result()
    affected: int | None = job.num_dml_affected_rows
    return affected
