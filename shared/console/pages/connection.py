"""Shows which clouds are connected, tries a credential, and shows what to paste into a cloud."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from shared import bootstrap
from shared.console.policies import TenantPageCall, tenant_page
from shared.console.replies import Page
from shared.console.site import Route
from shared.errors import LimitReached, NotFound, Unavailable
from shared.http.problems import status_of

PATH = "/console/connection"
CLOUDS = {"GCP": "Google Cloud", "AWS": "AWS", "AZURE": "Azure"}
PROVIDERS = {**CLOUDS, "FOCUS": "FOCUS files"}
KINDS = {
    "service_account_key": "a service account's key",
    "impersonation": "a service account that the platform impersonates, without a key",
    "assume_role": "a role, without a key",
    "access_key": "an access key",
    "client_secret": "a client secret",
    "federated": "a federated application, without a key",
    "hmac_key": "an HMAC key",
}


def show_connection(call: TenantPageCall) -> Page:
    """The stored credentials without their secrets, and the guides. One job."""
    return _page(call)


def verify_connection(call: TenantPageCall) -> Page:
    """Try a stored credential as a run would use it, and show what was found. Nothing is changed."""
    provider = call.params["provider"].upper()
    call.caller.reader.charge_query()
    try:
        found = bootstrap.stored_credentials().verify(call.caller.owner.tenant_id, provider, {})
    except (LimitReached, NotFound, Unavailable) as error:
        return _page(call, provider=provider, problem=error.message, status=status_of(error))
    return _page(call, provider=provider, found=found)


def _page(
    call: TenantPageCall,
    *,
    provider: str = "",
    found: dict[str, Any] | None = None,
    problem: str = "",
    status: int = 200,
) -> Page:
    tenant_id = call.caller.owner.tenant_id
    credentials = bootstrap.stored_credentials()
    call.caller.reader.charge_query()
    stored = credentials.list_all(tenant_id)
    content = {
        "stored": stored,
        "missing": [name for name in CLOUDS if name not in {row["provider"] for row in stored}],
        "guides": [credentials.guide(tenant_id, {"provider": name}) for name in CLOUDS],
        "providers": PROVIDERS,
        "kinds": KINDS,
        "tried": provider,
        "found": found,
        "last_changed_at": _moment(found["last_changed_at"]) if found else None,
        "problem": problem,
    }
    return Page("connection.html", "Connection", content, status=status)


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


ROUTES = (
    Route(f"GET {PATH}", tenant_page, show_connection),
    Route(f"POST {PATH}/{{provider}}/verify", tenant_page, verify_connection),
)
