"""OIDC tokens that devcloud's identity service signed, checked by the product."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.auth import jwt as _untyped_jwt

from devcloud.identity import Identity, TokenServer
from shared.adapters.google.oidc import OidcTokens
from shared.errors import Unauthenticated, Unavailable
from tests.conftest import OpenIdentity

jwt: Any = _untyped_jwt  # google.auth.jwt has no annotations
AUDIENCE = "https://process-queue.example"
EMAIL = "cvg-scheduler-invoker@p.iam.gserviceaccount.com"


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Identity, str]]:
    identity = Identity(tmp_path_factory.mktemp("identity"), "p")
    server = TokenServer(identity)
    server.start()
    yield identity, f"{server.url}/certs"
    server.stop()
    identity.close()


def removed(token: str) -> str:
    return token.rsplit(".", 1)[0] + ".SIGNATURE_REMOVED_BY_GOOGLE"


def altered(token: str, **claims: Any) -> str:
    head, body, signature = token.split(".")
    payload = json.loads(base64.urlsafe_b64decode(body + "==")) | claims
    return f"{head}.{base64.urlsafe_b64encode(json.dumps(payload).encode()).decode().rstrip('=')}.{signature}"


def test_a_signed_token_for_this_audience_is_valid(issuer: tuple[Identity, str]) -> None:
    identity, certs = issuer
    claims = OidcTokens(certs, behind_iam=False).verified_claims(identity.id_token(EMAIL, AUDIENCE), audience=AUDIENCE)
    assert claims["email"] == EMAIL


def test_a_removed_signature_is_admitted_only_behind_iam(issuer: tuple[Identity, str]) -> None:
    identity, certs = issuer
    token = removed(identity.id_token(EMAIL, AUDIENCE))
    assert OidcTokens(certs, behind_iam=True).verified_claims(token, audience=AUDIENCE)["email"] == EMAIL
    with pytest.raises(Unauthenticated):
        OidcTokens(certs, behind_iam=False).verified_claims(token, audience=AUDIENCE)


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"},
        {"aud": "other"},
        {"email_verified": False},
        {"email": None},
        {"exp": 1},
        {"exp": "x"},
        {"iss": ["https://accounts.google.com"]},
    ],
)
def test_a_bad_claim_is_refused_with_and_without_signature(
    issuer: tuple[Identity, str], claims: dict[str, Any]
) -> None:
    identity, certs = issuer
    token = altered(identity.id_token(EMAIL, AUDIENCE), **claims)
    tokens = OidcTokens(certs, behind_iam=True)
    for candidate in (token, removed(token)):
        with pytest.raises(Unauthenticated):
            tokens.verified_claims(candidate, audience=AUDIENCE)


@pytest.mark.parametrize("claims", [{"exp": "x"}, {"iat": None}, {"iss": ["https://accounts.google.com"]}])
def test_claims_of_another_shape_are_refused_also_where_google_signed_them(
    issuer: tuple[Identity, str], claims: dict[str, Any]
) -> None:
    identity, certs = issuer
    issued = jwt.decode(identity.id_token(EMAIL, AUDIENCE), verify=False)
    token = jwt.encode(identity._signer, {**issued, **claims}).decode()  # the claims have Google's signature
    with pytest.raises(Unauthenticated):
        OidcTokens(certs, behind_iam=False).verified_claims(token, audience=AUDIENCE)


def test_an_expired_token_is_refused(issuer: tuple[Identity, str]) -> None:
    identity, certs = issuer
    late = OidcTokens(certs, behind_iam=True, clock=lambda: time.time() + 2 * 3600)
    with pytest.raises(Unauthenticated):
        late.verified_claims(removed(identity.id_token(EMAIL, AUDIENCE)), audience=AUDIENCE)


@pytest.mark.parametrize("header", [{"kid": []}, {"kid": {}}, {"kid": None}, {}, [], "x", 1])
def test_a_header_of_another_shape_is_refused(issuer: tuple[Identity, str], header: Any) -> None:
    head = base64.urlsafe_b64encode(json.dumps(header).encode()).decode().rstrip("=")
    _, body, signature = issuer[0].id_token(EMAIL, AUDIENCE).split(".")
    with pytest.raises(Unauthenticated):
        OidcTokens(issuer[1], behind_iam=True).verified_claims(f"{head}.{body}.{signature}", audience=AUDIENCE)


def test_too_deeply_nested_claims_are_refused(issuer: tuple[Identity, str]) -> None:
    payload = base64.urlsafe_b64encode(b"[" * 20_000).decode()
    tokens = OidcTokens(issuer[1], behind_iam=True)
    for signature in ("SIGNATURE_REMOVED_BY_GOOGLE", "c2lnbmF0dXJl"):
        with pytest.raises(Unauthenticated):
            tokens.verified_claims(f"{payload}.{payload}.{signature}", audience=AUDIENCE)


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "a.b.SIGNATURE_REMOVED_BY_GOOGLE", "..", "é.é.é"])
def test_text_that_is_no_token_is_refused(issuer: tuple[Identity, str], token: str) -> None:
    with pytest.raises(Unauthenticated):
        OidcTokens(issuer[1], behind_iam=True).verified_claims(token, audience=AUDIENCE)


def test_an_empty_audience_admits_no_caller(issuer: tuple[Identity, str]) -> None:
    identity, certs = issuer
    with pytest.raises(Unauthenticated):
        OidcTokens(certs, behind_iam=True).verified_claims(identity.id_token(EMAIL, ""), audience="")


def test_a_token_of_another_issuer_is_refused(
    issuer: tuple[Identity, str], open_identity: OpenIdentity, tmp_path: Path
) -> None:
    stranger = open_identity(tmp_path, "p").id_token(EMAIL, AUDIENCE)
    with pytest.raises(Unauthenticated):
        OidcTokens(issuer[1], behind_iam=True).verified_claims(stranger, audience=AUDIENCE)


def test_certificates_that_cannot_be_fetched_are_unavailable(issuer: tuple[Identity, str]) -> None:
    unreachable = OidcTokens("http://127.0.0.1:9/certs", behind_iam=False)
    with pytest.raises(Unavailable):
        unreachable.verified_claims(issuer[0].id_token(EMAIL, AUDIENCE), audience=AUDIENCE)
