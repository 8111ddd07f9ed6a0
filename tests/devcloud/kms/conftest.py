"""A running KMS with the platform's key, and its official client."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from google.cloud import kms

from devcloud.grants import Grants
from devcloud.identity import Identity
from devcloud.kms import Kms
from devcloud.tls import Tls
from tests.support.devcloud.clock import Clock

LOCATION = "projects/convergence-test/locations/us-central1"
RING = f"{LOCATION}/keyRings/convergence"
KEY = f"{RING}/cryptoKeys/tenant-credentials-key"
NEW_KEY: dict[str, Any] = {
    "parent": RING,
    "crypto_key_id": "tenant-credentials-key",
    "crypto_key": {"purpose": "ENCRYPT_DECRYPT"},
}
DAY = 86_400.0


@pytest.fixture
def make_service(
    cloud_identity: Identity, cloud_tls: Tls, cloud_grants: Grants, clock: Clock, state_dir: Path
) -> Iterator[Callable[[], Kms]]:
    started: list[Kms] = []

    def make() -> Kms:
        service = Kms(state_dir, cloud_identity, cloud_tls, cloud_grants, now=clock)
        service.start()
        started.append(service)
        return service

    yield make
    for service in started:
        service.stop()


@pytest.fixture
def service(make_service: Callable[[], Kms]) -> Kms:
    return make_service()


@pytest.fixture
def client_of(service: Kms, credentials_of: Callable[..., Any]) -> Callable[..., kms.KeyManagementServiceClient]:
    def client(account: str, project: str = "convergence-test") -> kms.KeyManagementServiceClient:
        return kms.KeyManagementServiceClient(
            credentials=credentials_of(account, project), client_options={"api_endpoint": service.address}
        )

    return client


@pytest.fixture
def admin(client_of: Callable[..., kms.KeyManagementServiceClient]) -> kms.KeyManagementServiceClient:
    """The operator's client, after the platform's key was created."""
    client = client_of("devcloud-admin")
    client.create_key_ring(request={"parent": LOCATION, "key_ring_id": "convergence"})
    client.create_crypto_key(request=NEW_KEY)
    return client
