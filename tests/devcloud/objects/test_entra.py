"""devcloud's Entra gives tokens to an application with its secret, and for a token of Google's that it trusts."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.auth import jwt

from devcloud.identity import Identity
from devcloud.identity.identity import unique_id
from devcloud.objects import BlobService, Buckets
from devcloud.objects.blobs import DIRECTORY
from devcloud.tls import Tls
from tests.conftest import OpenIdentity

WORKER = "cvg-worker@convergence-local.iam.gserviceaccount.com"
NEIGHBOUR = WORKER.replace("worker", "api")
AUDIENCE = "api://convergence/convergence-local/acme"
APPLICATION = {"scope": "https://storage.azure.com/.default", "grant_type": "client_credentials", "client_id": "reader"}


@pytest.fixture
def google(open_identity: OpenIdentity, tmp_path: Path) -> Identity:
    return open_identity(tmp_path, "convergence-local")


@pytest.fixture
def entra(google: Identity, tmp_path: Path) -> BlobService:
    buckets = Buckets(tmp_path / "azure")
    buckets.make("acmecosts/billing", "reader", "the-secret")
    buckets.trust("acmecosts/billing", {"sub": unique_id(WORKER), "aud": AUDIENCE})
    return BlobService(buckets, Tls(tmp_path), google.certs)


def asserted(entra: BlobService, assertion: str) -> str:
    """What Entra says to an assertion; empty if it gives a token."""
    status, answer = entra.token(APPLICATION | {"client_assertion": assertion})
    assert (status == 200) == ("access_token" in answer)
    return str(answer.get("error_description", ""))


def test_the_trusted_account_gets_a_token_for_its_audience(entra: BlobService, google: Identity) -> None:
    assert asserted(entra, google.id_token(WORKER, AUDIENCE)) == ""
    assert "AADSTS700213" in asserted(entra, google.id_token(WORKER, f"{AUDIENCE}2"))
    assert "AADSTS700213" in asserted(entra, google.id_token(NEIGHBOUR, AUDIENCE))


def test_an_assertion_that_google_has_not_signed_is_refused(
    entra: BlobService, google: Identity, open_identity: OpenIdentity, tmp_path: Path
) -> None:
    stranger = open_identity(tmp_path / "stranger", "convergence-local")
    assert "AADSTS50027" in asserted(entra, stranger.id_token(WORKER, AUDIENCE))
    assert "AADSTS50027" in asserted(entra, "no.token.")


def test_a_token_has_the_claims_of_entras(entra: BlobService) -> None:
    status, answer = entra.token(APPLICATION | {"client_secret": "the-secret"})
    claims = jwt.decode(answer["access_token"], verify=False)
    assert (status, claims["aud"], claims["appid"]) == (200, "https://storage.azure.com", "reader")
    assert claims["iss"] == f"https://sts.windows.net/{DIRECTORY}/"
    assert entra.token(APPLICATION | {"client_secret": "another"})[0] == 401
