"""devcloud identifies its callers and refuses others."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.auth import crypt, jwt

from devcloud.identity import Identity, Unauthenticated
from tests.conftest import OpenIdentity

PLATFORM = "platform-p"


@pytest.fixture
def identity(tmp_path: Path) -> Iterator[Identity]:
    identity = Identity(tmp_path, PLATFORM)
    identity.token_uri = "http://127.0.0.1:1/token"
    yield identity
    identity.close()


def self_signed(key: dict[str, str], claims: dict[str, str] | None = None, *, age_seconds: float = 0) -> str:
    issued = int(time.time() - age_seconds)
    body = {"iss": key["client_email"], "sub": key["client_email"], "aud": "https://x/", "iat": issued}
    signer = crypt.RSASigner.from_service_account_info(key)
    return f"Bearer {jwt.encode(signer, body | {'exp': issued + 3600} | (claims or {})).decode()}"


def test_a_self_signed_token_names_its_account(identity: Identity) -> None:
    caller = identity.caller(self_signed(identity.mint_key("tenant-p", "reader")))

    assert (caller.email, caller.project) == ("reader@tenant-p.iam.gserviceaccount.com", "tenant-p")
    assert not caller.is_platform


def test_a_key_of_a_domains_project_belongs_to_it(identity: Identity) -> None:
    caller = identity.caller(self_signed(identity.mint_key("example.com:tenant-p", "reader")))

    assert (caller.email, caller.project) == (
        "reader@tenant-p.example.com.iam.gserviceaccount.com",
        "example.com:tenant-p",
    )


def test_a_key_works_after_a_restart(identity: Identity, open_identity: OpenIdentity, tmp_path: Path) -> None:
    key, access_token = (
        identity.mint_key(PLATFORM, "devcloud-admin"),
        identity.access_token("a@p.iam.gserviceaccount.com"),
    )
    identity.close()

    restarted = open_identity(tmp_path, PLATFORM)

    assert restarted.caller(self_signed(key)).is_admin
    assert restarted.caller(f"Bearer {access_token}").project == "p"
    assert restarted.certs() == open_identity(tmp_path, PLATFORM).certs()


def test_an_administrator_of_another_project_is_no_administrator(identity: Identity) -> None:
    caller = identity.caller(self_signed(identity.mint_key("tenant-p", "devcloud-admin")))

    assert not caller.is_admin


def test_an_access_token_expires_after_an_hour(tmp_path: Path, open_identity: OpenIdentity) -> None:
    now = 1_000_000.0
    identity = open_identity(tmp_path, PLATFORM, now=lambda: now)
    token = identity.access_token("a@p.iam.gserviceaccount.com")

    now += 3599
    assert identity.caller(f"Bearer {token}").project == "p"
    now += 1
    with pytest.raises(Unauthenticated):
        identity.caller(f"Bearer {token}")


@pytest.mark.parametrize(
    "header", [None, "", "Bearer ", "Basic YTpi", "Bearer nonsense", "Bearer a.b.c", "Bearer ünï.cö.dé"]
)
def test_a_missing_or_bogus_token_is_refused(identity: Identity, header: str | None) -> None:
    with pytest.raises(Unauthenticated):
        identity.caller(header)


def test_an_expired_self_signed_token_is_refused(identity: Identity) -> None:
    with pytest.raises(Unauthenticated, match="expired"):
        identity.caller(self_signed(identity.mint_key("p", "a"), age_seconds=7200))


def test_a_token_in_the_name_of_another_account_is_refused(identity: Identity) -> None:
    victim, thief = identity.mint_key("p", "victim"), identity.mint_key("p", "thief")

    for claims in ({"iss": victim["client_email"]}, {"sub": victim["client_email"]}):
        with pytest.raises(Unauthenticated):
            identity.caller(self_signed(thief, claims))


def test_a_token_with_a_known_key_id_and_another_keys_signature_is_refused(
    identity: Identity, open_identity: OpenIdentity, tmp_path: Path
) -> None:
    elsewhere = open_identity(tmp_path / "elsewhere", PLATFORM)
    elsewhere.token_uri = identity.token_uri
    key = identity.mint_key("p", "a")
    forged = elsewhere.mint_key("p", "a") | {"private_key_id": key["private_key_id"]}

    with pytest.raises(Unauthenticated):
        identity.caller(self_signed(forged))


def test_an_oidc_token_is_no_access_token(identity: Identity) -> None:
    token = identity.id_token("a@p.iam.gserviceaccount.com", "https://somewhere")

    with pytest.raises(Unauthenticated):
        identity.caller(f"Bearer {token}")


def test_a_key_reads_its_own_project_and_nothing_else(identity: Identity) -> None:
    tenant = identity.caller(self_signed(identity.mint_key("tenant-p", "reader")))
    platform = identity.caller(self_signed(identity.mint_key(PLATFORM, "cvg-worker")))

    assert identity.may_read(tenant, "tenant-p")
    assert identity.may_read(platform, PLATFORM)
    assert not identity.may_read(tenant, PLATFORM)
    assert not identity.may_read(platform, "tenant-p")
