"""The policies that routes name: each is a way to authenticate the caller."""

from __future__ import annotations

from shared import bootstrap
from shared.configuration.platform_config import get_platform
from shared.configuration.settings import get_settings
from shared.domain.requests.auth import KeyOwner, PresentedKey, TenantReader, require_invoker
from shared.domain.requests.identifiers import check_tenant_id
from shared.http.messages import Call, HttpRequest
from shared.runtime import log
from shared.runtime.callers import address_of

UnprovedCall = Call[PresentedKey]
TenantCall = Call[KeyOwner]
ReaderCall = Call[TenantReader]
PlatformCall = Call[str]


def unproved_key(request: HttpRequest) -> PresentedKey:
    """Accept a key that exists. The handler's first read must prove that it is live and belongs to the tenant."""
    key = _identified_key(request)
    bootstrap.callers().charge_query(key.api_key_hash)
    return key


def tenant_api_key(request: HttpRequest) -> KeyOwner:
    """Accept a live key of the URL's tenant. At most one job."""
    key = _identified_key(request)
    callers = bootstrap.callers()
    callers.charge_query(key.api_key_hash)
    return callers.require_owner(key)


def tenant_reader(request: HttpRequest) -> TenantReader:
    """Accept the same keys as tenant_api_key, for routes that may answer from memory.

    The handler calls `charge_query` before each query, so that answers from memory do not count against the key's
    limit.
    """
    key = _identified_key(request)
    callers = bootstrap.callers()
    owner = callers.require_owner(key)
    return callers.reader_of(owner.tenant_id, key.api_key_hash)


def caller_address(request: HttpRequest) -> str:
    """The caller's address, for the limit of guessed keys."""
    return address_of(request.headers.get("X-Forwarded-For"), proxies=get_settings().proxies_in_front)


def _identified_key(request: HttpRequest) -> PresentedKey:
    api_key_hash = bootstrap.callers().identify(request.headers.get("X-API-Key"), address=caller_address(request))
    tenant_id = request.params["tenant_id"]
    check_tenant_id(tenant_id)
    log.bind(tenant_id=tenant_id)
    return PresentedKey(api_key_hash, tenant_id)


def platform_caller(request: HttpRequest) -> str:
    """Accept an invoker of the function, or the holder of the admin key. No job."""
    settings, platform = get_settings(), get_platform()
    invokers = platform.functions[settings.function_name].invokers
    accounts = (platform.service_accounts[name].id for name in invokers)
    return require_invoker(
        authorization=request.headers.get("Authorization"),
        admin_key=request.headers.get("X-Admin-Key"),
        audience=settings.function_url,
        invokers=frozenset(f"{account}@{settings.project_id}.iam.gserviceaccount.com" for account in accounts),
        tokens=bootstrap.oidc_tokens(),
        admin_keys=bootstrap.admin_keys(),
    )
