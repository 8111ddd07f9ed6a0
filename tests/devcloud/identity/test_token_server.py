"""The token endpoint, through Google's own auth library."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from google.auth.exceptions import RefreshError
from google.auth.transport.requests import Request
from google.oauth2 import id_token, service_account

from devcloud.identity import Identity, TokenServer
from tests.conftest import OpenIdentity

SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]


@pytest.fixture
def identity(tmp_path: Path) -> Iterator[Identity]:
    identity = Identity(tmp_path, "platform-p")
    yield identity
    identity.close()


@pytest.fixture
def server(identity: Identity) -> Iterator[TokenServer]:
    server = TokenServer(identity)
    server.start()
    yield server
    server.stop()


def test_a_minted_key_gets_an_access_token(identity: Identity, server: TokenServer) -> None:
    key = identity.mint_key("tenant-p", "reader")
    credentials = service_account.Credentials.from_service_account_info(key, scopes=SCOPES)

    credentials.refresh(Request())

    assert identity.caller(f"Bearer {credentials.token}").email == key["client_email"]


def test_a_minted_key_gets_an_oidc_token_that_the_certificates_verify(identity: Identity, server: TokenServer) -> None:
    key = identity.mint_key("platform-p", "cvg-tasks-invoker")
    credentials = service_account.IDTokenCredentials.from_service_account_info(key, target_audience="https://f")

    credentials.refresh(Request())
    claims = id_token.verify_token(credentials.token, Request(), audience="https://f", certs_url=server.certs_url)

    assert (claims["email"], claims["email_verified"]) == (key["client_email"], True)
    assert claims["iss"] == "https://accounts.google.com"


def test_a_key_of_another_cloud_gets_no_token(
    identity: Identity, server: TokenServer, open_identity: OpenIdentity, tmp_path: Path
) -> None:
    elsewhere = open_identity(tmp_path / "elsewhere", "platform-p")
    elsewhere.token_uri = identity.token_uri
    key = elsewhere.mint_key("platform-p", "devcloud-admin")

    with pytest.raises(RefreshError, match="invalid_grant"):
        service_account.Credentials.from_service_account_info(key, scopes=SCOPES).refresh(Request())


def test_another_grant_type_is_refused(server: TokenServer) -> None:
    answer = requests.post(f"{server.url}/token", data={"grant_type": "password"}, timeout=5)

    assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_grant_type")


def test_the_server_keeps_its_port_over_a_restart(identity: Identity, server: TokenServer) -> None:
    before = server.url
    server.stop()

    again = TokenServer(identity)
    again.start()

    assert again.url == before
    again.stop()
