"""A running Secret Manager and its official client."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from google.cloud import secretmanager

from devcloud.secret_manager import SecretManager

PARENT = "projects/convergence-test"
SECRET = f"{PARENT}/secrets/convergence-admin-key"

Client = secretmanager.SecretManagerServiceClient


@pytest.fixture
def service_class() -> type[SecretManager]:
    return SecretManager


@pytest.fixture
def client_class() -> type[Client]:
    return Client


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
