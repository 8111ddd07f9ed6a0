"""The addresses and resource names of this cloud."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from devcloud.identity.identity import account_email
from shared.configuration.platform_config import Platform


@dataclass(frozen=True)
class Addresses:
    """The addresses of the services: URLs for HTTP, host:port for gRPC."""

    gateway: str
    bigquery: str
    storage_read: str
    kms: str
    secret_manager: str
    tasks: str
    scheduler: str
    token_server: str
    egress: str
    s3: str
    azure: str

    @property
    def token_uri(self) -> str:
        """The token endpoint that keys name."""
        return f"{self.token_server}/token"

    @property
    def certs_url(self) -> str:
        """The certificates that OIDC tokens are verified with."""
        return f"{self.token_server}/certs"


@dataclass(frozen=True)
class Cloud:
    """The names in one project and region, with BigQuery in `location`."""

    platform: Platform
    project: str
    region: str
    location: str
    addresses: Addresses
    ca_path: Path

    @property
    def parent(self) -> str:
        """The parent of regional resources."""
        return f"projects/{self.project}/locations/{self.region}"

    @property
    def key_ring(self) -> str:
        """The KMS key ring."""
        return f"{self.parent}/keyRings/{self.platform.kms.key_ring}"

    @property
    def key(self) -> str:
        """The KMS key that encrypts tenants' credentials."""
        return f"{self.key_ring}/cryptoKeys/{self.platform.kms.key}"

    def secret(self, name: str) -> str:
        """A secret by its name in platform.yml."""
        return f"projects/{self.project}/secrets/{self.platform.secrets[name].id}"

    def queue(self, name: str) -> str:
        """A task queue by its name in platform.yml."""
        return f"{self.parent}/queues/{self.platform.queues[name].id}"

    def account(self, name: str) -> str:
        """The e-mail of a service account by its name in platform.yml."""
        return account_email(self.platform.service_accounts[name].id, self.project)

    def function_url(self, name: str) -> str:
        """The function's own URL, the audience of tokens for it."""
        return f"{self.addresses.gateway}/{name}"
