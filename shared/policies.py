"""The policies a route can name: how its caller proves who it is."""

from __future__ import annotations

from shared import bootstrap, log
from shared.auth import KeyOwner, PresentedKey, check_invoker, hash_api_key, require_tenant
from shared.domain.identifiers import check_tenant_id
from shared.endpoint import Call
from shared.platform_config import get_platform
from shared.settings import get_settings


def presented_key(call: Call) -> PresentedKey:
    """The key has the right form; the handler's own first read must prove it. For routes that count their jobs."""
    api_key_hash = hash_api_key(call.headers.get("X-API-Key"))
    tenant_id = call.params["tenant_id"]
    check_tenant_id(tenant_id)
    log.bind(tenant_id=tenant_id)
    return PresentedKey(api_key_hash, tenant_id)


def tenant_api_key(call: Call) -> KeyOwner:
    """The key is live and belongs to the tenant of the URL. One job."""
    from shared.adapters.tenants import Tenants

    key = presented_key(call)
    return require_tenant(Tenants(bootstrap.warehouse()).find_key_owner(key.api_key_hash), key.tenant_id)


def platform_caller(call: Call) -> str:
    """The caller is one of the function's invokers, or holds the admin key. No BigQuery job."""
    settings, platform = get_settings(), get_platform()
    invokers = platform.functions[settings.function_name].invokers
    accounts = (platform.service_accounts[name].id for name in invokers)
    return check_invoker(
        authorization=call.headers.get("Authorization"),
        admin_key=call.headers.get("X-Admin-Key"),
        audience=settings.function_url,
        invokers=frozenset(f"{account}@{settings.project_id}.iam.gserviceaccount.com" for account in accounts),
        tokens=bootstrap.oidc_tokens(),
        admin_keys=bootstrap.admin_keys(),
    )
