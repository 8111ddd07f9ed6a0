"""A cloud with stored credentials and webhooks, whose key a test rotates, and re-encryptions that a test interrupts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devcloud.clients import warehouse_of
from devcloud.environment import client_environment
from devcloud.server import Devcloud
from shared.adapters.google.kms import CredentialKey
from shared.adapters.stores.credentials import Credentials
from shared.adapters.stores.webhook_secrets import WebhookSecrets
from shared.domain.alerts.sending import secret_aad
from shared.domain.credentials.sealed import credential_aad
from shared.use_cases.reencrypt_credentials import Reencryption
from tests.support.frontend import Frontend

WEBHOOK = {"url": "https://example.com/alerts"}
ROOT = Path(__file__).resolve().parents[2]
Json = dict[str, Any]


@dataclass
class Vault:
    """A cloud of its own with three tenants' credentials, whose key was then rotated."""

    cloud: Devcloud
    frontends: list[Frontend]
    folder: Path

    def key_of(self, account: str) -> dict[str, str]:
        return self.cloud.identity.mint_key(self.cloud.project, self.cloud.platform.service_accounts[account].id)

    def command(self, *arguments: str, account: str = "operator") -> subprocess.CompletedProcess[str]:
        """Run the command in a process of its own, with the environment of the runbook."""
        key_file = self.folder / f"{account}.json"
        key_file.write_text(json.dumps(self.key_of(account)))
        environment = client_environment(self.cloud.cloud, key_file=key_file) | {"KMS_KEY": self.cloud.cloud.key}
        return subprocess.run(
            [sys.executable, "-m", "shared.commands.reencrypt", *arguments], cwd=ROOT,
            env={"PATH": os.environ["PATH"], **environment}, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    def rotate(self) -> str:
        """Make a new primary version, and return its full name."""
        with self.cloud.clients() as clients:
            version = clients.kms().create_crypto_key_version(parent=self.cloud.cloud.key, crypto_key_version={})
            number = version.name.rpartition("/")[2]
            clients.kms().update_crypto_key_primary_version(name=self.cloud.cloud.key, crypto_key_version_id=number)
        return str(version.name)

    def stored(self) -> list[Json]:
        return [dict(row) for frontend in self.frontends for row in frontend.central("tenant_cloud_credentials")]

    def versions(self) -> set[str]:
        return {row["kms_key_version"] for row in self.stored()}

    def webhooks(self) -> list[Json]:
        return [dict(row) for frontend in self.frontends for row in frontend.central("alert_rules")]

    def secret_of(self, row: Json) -> str:
        """The secret of a webhook, decrypted under its own AAD as the account that signs messages does."""
        with self.cloud.clients(self.key_of("notifier")) as clients:
            aad = secret_aad(tenant_id=row["tenant_id"], rule_id=row["rule_id"])
            return CredentialKey(clients.kms, self.cloud.cloud.key).decrypt(row["encrypted_secret"], aad=aad).decode()

    def plaintexts(self) -> list[bytes]:
        """Each tenant's credential, decrypted under its own AAD as the worker does."""
        with self.cloud.clients(self.key_of("worker")) as clients:
            kms = clients.kms()
            key = CredentialKey(lambda: kms, self.cloud.cloud.key)
            return [key.decrypt(row["encrypted_credentials"], aad=aad_of(row)) for row in self.stored()]


def aad_of(row: Json) -> bytes:
    return credential_aad(**{name: row[name] for name in ("tenant_id", "provider", "credential_id")})


@dataclass(frozen=True)
class InterruptedKey(CredentialKey):
    """The real key. A test's hook is called before each decryption."""

    before_decrypting: Callable[[], None] = lambda: None

    def decrypt(self, ciphertext: bytes, *, aad: bytes) -> bytes:
        self.before_decrypting()
        return super().decrypt(ciphertext, aad=aad)


def do_nothing() -> None:
    """A hook before a decryption that does nothing."""


@contextmanager
def reencryption(
    vault: Vault, before: Callable[[], None] = do_nothing, *, account: str = "operator"
) -> Iterator[Reencryption]:
    """A re-encryption of one credential at a time. A test's hook is called before each decryption."""
    with vault.cloud.clients(vault.key_of(account)) as clients:
        kms = clients.kms()
        key = InterruptedKey(lambda: kms, vault.cloud.cloud.key, before)
        warehouse = warehouse_of(clients.bigquery())
        yield Reencryption(Credentials(warehouse), WebhookSecrets(warehouse), key, batch=1)
