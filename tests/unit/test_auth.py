"""The rules of authentication, over rows, tokens and admin keys."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.requests.auth import KeyOwner, hash_api_key, require_invoker, require_tenant
from shared.errors import Forbidden, Unauthenticated

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LIVE = KeyOwner(
    tenant_id="acme_corp",
    key_is_active=True,
    key_expires_at=None,
    tenant_status="ACTIVE",
    subscription_status="ACTIVE",
    subscription_starts_at=None,
    subscription_ends_at=None,
    daily_limit=5,
    concurrent_limit=1,
    read_at=NOW,
)


def test_a_live_key_of_the_tenant_passes() -> None:
    assert require_tenant(LIVE, "acme_corp") == LIVE


@pytest.mark.parametrize("changes", [{"key_is_active": False}, {"key_expires_at": NOW}])
def test_a_revoked_or_expired_key_is_unauthenticated(changes: dict[str, Any]) -> None:
    with pytest.raises(Unauthenticated):
        require_tenant(replace(LIVE, **changes), "acme_corp")


def test_an_unknown_key_is_unauthenticated() -> None:
    with pytest.raises(Unauthenticated):
        require_tenant(None, "acme_corp")


@pytest.mark.parametrize(
    "changes",
    [
        {"tenant_status": "SUSPENDED"},
        {"tenant_status": None},
        {"subscription_status": "CANCELLED"},
        {"subscription_status": "PAST_DUE"},
        {"subscription_status": None},
        {"subscription_ends_at": NOW},
        {"subscription_starts_at": NOW + timedelta(seconds=1)},
    ],
)
def test_a_tenant_or_subscription_that_is_not_live_is_forbidden(changes: dict[str, Any]) -> None:
    with pytest.raises(Forbidden):
        require_tenant(replace(LIVE, **changes), "acme_corp")


def test_another_tenants_url_is_forbidden_even_for_a_suspended_tenant() -> None:
    with pytest.raises(Forbidden, match="another tenant"):
        require_tenant(replace(LIVE, tenant_status="SUSPENDED"), "globex")


@given(st.text())
def test_a_malformed_key_is_refused_and_a_formed_one_hashed(text: str) -> None:
    with pytest.raises(Unauthenticated):
        hash_api_key(text + "!")
    assert len(hash_api_key("acme_corp_12312025_api_xyz789")) == 64


class OneToken:
    """Accepts the token `good`, as a token of the given account."""

    def __init__(self, email: str) -> None:
        self.email = email

    def verified_claims(self, token: str, *, audience: str) -> dict[str, Any]:
        if (token, audience) != ("good", "https://f"):
            raise Unauthenticated
        return {"email": self.email}


class OneAdminKey:
    """Accepts the key `admin`."""

    def check(self, header: str) -> None:
        if header != "admin":
            raise Unauthenticated


def invoke(
    authorization: str | None = None, admin_key: str | None = None, email: str = "s@p", known: bool = True
) -> str:
    return require_invoker(
        authorization=authorization,
        admin_key=admin_key,
        audience="https://f",
        invokers=frozenset({"s@p"}),
        tokens=OneToken(email),
        admin_keys=OneAdminKey() if known else None,
    )


def test_an_invokers_token_or_the_admin_key_is_accepted() -> None:
    assert invoke("Bearer good") == "s@p"
    assert invoke(admin_key="admin") == "admin"


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer bad", "Basic good", "good"])
def test_anything_else_is_unauthenticated(authorization: str | None) -> None:
    with pytest.raises(Unauthenticated):
        invoke(authorization)


def test_a_token_of_an_account_that_is_no_invoker_is_refused() -> None:
    with pytest.raises(Unauthenticated):
        invoke("Bearer good", email="worker@p")


def test_a_bad_admin_key_is_refused_whatever_the_token_says() -> None:
    with pytest.raises(Unauthenticated):
        invoke("Bearer good", admin_key="wrong")
    with pytest.raises(Unauthenticated):
        invoke("Bearer good", admin_key="admin", known=False)
