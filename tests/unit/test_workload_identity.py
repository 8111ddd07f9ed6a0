"""The tokens with which runs prove themselves to other clouds, against the local token server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.auth.transport.requests import Request
from google.oauth2 import id_token

from devcloud.identity import Identity, TokenServer
from devcloud.identity.identity import unique_id
from shared.adapters.google.workload_identity import identity_token
from shared.domain.credentials.trust import ISSUER, audience_of
from shared.errors import Unavailable

ACME = audience_of("AWS", deployment="platform-p", tenant_id="acme")


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TokenServer]:
    """A token server, in the environment of a process that runs as the worker."""
    identity = Identity(tmp_path, "platform-p")
    server = TokenServer(identity)
    server.start()
    key = tmp_path / "worker.json"
    key.write_text(json.dumps(identity.mint_key("platform-p", "cvg-worker")), encoding="utf-8")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key))
    yield server
    server.stop()
    identity.close()


def test_a_token_is_for_the_tenants_audience_and_names_the_workers_number(server: TokenServer) -> None:
    claims = id_token.verify_token(identity_token(ACME), Request(), audience=ACME.text, certs_url=server.certs_url)
    number = unique_id("cvg-worker@platform-p.iam.gserviceaccount.com")
    assert (claims["iss"], claims["aud"], claims["sub"]) == (ISSUER, "convergence:platform-p:acme", number)


def test_a_token_server_that_does_not_answer_is_reported_as_unavailable(server: TokenServer) -> None:
    server.stop()
    with pytest.raises(Unavailable):
        identity_token(ACME)
