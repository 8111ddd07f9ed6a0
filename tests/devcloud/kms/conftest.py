"""A running KMS with the platform's key, and its official client."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from google.cloud import kms

from devcloud.kms import Kms

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
def service_class() -> type[Kms]:
    return Kms


@pytest.fixture
def client_class() -> type[kms.KeyManagementServiceClient]:
    return kms.KeyManagementServiceClient


@pytest.fixture
def admin(client_of: Callable[..., kms.KeyManagementServiceClient]) -> kms.KeyManagementServiceClient:
    """The operator's client, after the platform's key was created."""
    client = client_of("devcloud-admin")
    client.create_key_ring(request={"parent": LOCATION, "key_ring_id": "convergence"})
    client.create_crypto_key(request=NEW_KEY)
    return client
