"""A running Secret Manager and its official client."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from google.cloud import secretmanager

from devcloud.grants import Grants
from devcloud.identity import Identity
from devcloud.secret_manager import SecretManager
from devcloud.tls import Tls
from tests.support.devcloud.clock import Clock

PARENT = "projects/convergence-test"
SECRET = f"{PARENT}/secrets/convergence-admin-key"

Client = secretmanager.SecretManagerServiceClient


@pytest.fixture
def make_service(
    cloud_identity: Identity, cloud_tls: Tls, cloud_grants: Grants, clock: Clock, state_dir: Path
) -> Iterator[Callable[[], SecretManager]]:
    started: list[SecretManager] = []

    def make() -> SecretManager:
        service = SecretManager(state_dir, cloud_identity, cloud_tls, cloud_grants, now=clock)
        service.start()
        started.append(service)
        return service

    yield make
    for service in started:
        service.stop()


@pytest.fixture
def service(make_service: Callable[[], SecretManager]) -> SecretManager:
    return make_service()


@pytest.fixture
def client_of(service: SecretManager, credentials_of: Callable[..., Any]) -> Callable[..., Client]:
    def client(account: str, project: str = "convergence-test") -> Client:
        return Client(credentials=credentials_of(account, project), client_options={"api_endpoint": service.address})

    return client


@pytest.fixture
def admin(client_of: Callable[..., Client]) -> Client:
    """The operator's client, after the platform's secret was created without versions."""
    client = client_of("devcloud-admin")
    secret = {"replication": {"automatic": {}}, "labels": {"used-by": "tests"}}
    client.create_secret(request={"parent": PARENT, "secret_id": "convergence-admin-key", "secret": secret})
    return client


@pytest.fixture
def add(admin: Client) -> Callable[[bytes], str]:
    """Adds a version, and returns its name."""

    def add(data: bytes) -> str:
        return str(admin.add_secret_version(request={"parent": SECRET, "payload": {"data": data}}).name)

    return add
