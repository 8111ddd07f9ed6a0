"""Authenticates callers: tenants by API key, the platform's own callers by OIDC token or admin key."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from shared.errors import Forbidden, Unauthenticated

# <tenant>_api_<secret>, for example acme_corp_api_8f3k2m1q
API_KEY = re.compile(r"[a-z][a-z0-9_]{2,62}_api_[a-z0-9]{6,64}")
_LIVE_SUBSCRIPTIONS = frozenset({"ACTIVE", "TRIAL"})


@dataclass(frozen=True)
class PresentedKey:
    """A well-formed API key that is not looked up yet, and the tenant that the URL names."""

    api_key_hash: str
    tenant_id: str


@dataclass(frozen=True)
class TenantReader:
    """A caller whose key was proved. Call `charge_query` before each query, and `charge_bytes` after it."""

    tenant_id: str
    charge_query: Callable[[], None]
    charge_bytes: Callable[[int], None]


@dataclass(frozen=True)
class KeyOwner:
    """The owner of an API key, as a row of the statement auth/find_key_owner. Times are UTC."""

    tenant_id: str
    key_is_active: bool
    key_expires_at: datetime | None
    tenant_status: str | None
    subscription_status: str | None
    subscription_starts_at: datetime | None
    subscription_ends_at: datetime | None
    daily_limit: int | None
    concurrent_limit: int | None
    read_at: datetime


class KeyOwners(Protocol):
    """A store in which API keys are looked up."""

    def find_key_owner(self, api_key_hash: str) -> KeyOwner | None:
        """The owner of the key with this SHA-256, or None."""


def hash_api_key(header: str | None) -> str:
    """The SHA-256 of a well-formed key. Any other text raises Unauthenticated, without I/O."""
    if header is None or not API_KEY.fullmatch(header):
        raise Unauthenticated
    return hashlib.sha256(header.encode()).hexdigest()


def require_tenant(owner: KeyOwner | None, tenant_id: str) -> KeyOwner:
    """Check that the key's owner is live and is the tenant of the URL, and return the owner.

    It raises Unauthenticated for an unknown, revoked or expired key. It raises Forbidden for another tenant's URL, a
    tenant that is not ACTIVE, or a subscription that is not live now.
    """
    # An unknown, a revoked and an expired key get the same answer, which reveals nothing about the key.
    if owner is None or not owner.key_is_active:
        raise Unauthenticated
    if owner.key_expires_at is not None and owner.key_expires_at <= owner.read_at:
        raise Unauthenticated
    if owner.tenant_id != tenant_id:
        raise Forbidden("The API key belongs to another tenant.")
    if owner.tenant_status != "ACTIVE":
        raise Forbidden("The tenant is not active.", tenant_status=owner.tenant_status)
    if not _has_live_subscription(owner):
        raise Forbidden("The subscription is not live.", subscription_status=owner.subscription_status)
    return owner


def _has_live_subscription(owner: KeyOwner) -> bool:
    """Whether the subscription is ACTIVE or TRIAL and now is within its dates.

    The statements live_subscriptions and key_owner of shared/sql/parts.sql have the same rule.
    """
    if owner.subscription_status not in _LIVE_SUBSCRIPTIONS:
        return False
    if owner.subscription_starts_at is not None and owner.read_at < owner.subscription_starts_at:
        return False
    return owner.subscription_ends_at is None or owner.read_at < owner.subscription_ends_at


class TokenVerifier(Protocol):
    """Checks an OIDC token's signature and claims."""

    def verified_claims(self, token: str, *, audience: str) -> dict[str, Any]:
        """The claims of a valid token. Any other raises Unauthenticated."""


class AdminKeys(Protocol):
    """Checks the X-Admin-Key header."""

    def check(self, header: str) -> None:
        """Raise Unauthenticated unless the key is a current one."""


def require_invoker(
    *,
    authorization: str | None,
    admin_key: str | None,
    audience: str,
    invokers: frozenset[str],
    tokens: TokenVerifier,
    admin_keys: AdminKeys | None,
) -> str:
    """The e-mail address of the calling invoker, or `admin`. Any other caller raises Unauthenticated.

    In a function that has an admin key, the header X-Admin-Key proves as much as a token. A wrong key is refused even
    if the token is valid.
    """
    if admin_key is not None:
        if admin_keys is None:
            raise Unauthenticated
        admin_keys.check(admin_key)
        return "admin"
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated
    email = str(tokens.verified_claims(token, audience=audience)["email"])
    if email not in invokers:
        raise Unauthenticated
    return email
