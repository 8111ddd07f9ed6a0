"""The operator's re-encryption after a rotation of the key, on the local cloud's KMS."""

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

import pytest

from devcloud.clients import warehouse_of
from devcloud.environment import client_environment
from devcloud.server import Devcloud
from shared.adapters.bigquery.job_errors import translated
from shared.adapters.google.kms import CredentialKey
from shared.adapters.stores.credentials import Credentials
from shared.adapters.stores.webhook_secrets import WebhookSecrets
from shared.commands.reencrypt import main
from shared.domain.alerts.sending import secret_aad
from shared.domain.credentials.sealed import credential_aad
from shared.errors import ConvergenceError, Unavailable
from shared.use_cases.reencrypt_credentials import Reencryption
from tests.support.alerts import BUDGET, Watcher
from tests.support.commands import environment, run
from tests.support.frontend import Frontend, new_frontend

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


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vault]:
    folder = tmp_path_factory.mktemp("vault")
    with Devcloud(folder / "cloud", schedules=False) as cloud, cloud.clients() as clients:
        client = clients.bigquery()
        # The re-encryption is ordered by tenant, and so is this list.
        frontends = sorted((new_frontend(cloud, client) for _ in range(3)), key=lambda one: one.tenant_id)
        for frontend in frontends:
            frontend.store_keyless()
        yield Vault(cloud, frontends, folder)


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


def test_after_a_rotation_every_credential_is_moved_and_nothing_else_changes(vault: Vault) -> None:
    before, plaintexts, version = vault.stored(), vault.plaintexts(), vault.rotate()

    counted = vault.command("--dry-run", "--json")
    assert (counted.returncode, vault.stored()) == (0, before), counted.stderr
    none = {"reencrypted": 0, "overtaken": 0, "not_decrypted": []}
    assert json.loads(counted.stdout) == {
        "key_version": version,
        "credentials": {"found": {before[0]["kms_key_version"]: 3}, **none},
        "webhooks": {"found": {}, **none},
    }

    done = vault.command()
    assert done.returncode == 0, done.stderr
    assert f"credentials found under {before[0]['kms_key_version']}: 3" in done.stdout
    assert "credentials re-encrypted: 3, changed by their tenants meanwhile: 0, not decrypted: 0" in done.stdout
    after = vault.stored()
    assert {row["kms_key_version"] for row in after} == {version}
    assert vault.plaintexts() == plaintexts
    changed = {"encrypted_credentials", "kms_key_version", "updated_at"}
    kept = [{name: value for name, value in row.items() if name not in changed} for row in before]
    assert [{name: value for name, value in row.items() if name not in changed} for row in after] == kept
    assert not {row["encrypted_credentials"] for row in after} & {row["encrypted_credentials"] for row in before}

    again = vault.command()
    assert (again.returncode, vault.stored()) == (0, after)
    assert "nothing to do" in again.stdout
    assert not any(text in done.stdout + counted.stdout for text in ("impersonate", "gserviceaccount"))


def test_a_credential_that_a_tenant_changes_meanwhile_is_never_overwritten(vault: Vault) -> None:
    vault.rotate()
    first, second = vault.frontends[:2]
    changes: Iterator[Callable[[], object]] = iter(
        [first.store, lambda: second.api.delete(f"{second.credentials_path}/gcp"), lambda: None]
    )

    def meanwhile() -> None:
        next(changes)()

    with reencryption(vault, meanwhile) as changed:
        result = changed.run(dry_run=False)
    assert (result.credentials.reencrypted, result.credentials.overtaken, result.is_complete) == (1, 2, True)
    (row,) = first.central("tenant_cloud_credentials")
    assert row["credential_kind"] == "service_account_key"
    assert json.loads(vault.plaintexts()[0])["project_id"] == first.tenant.project
    assert second.central("tenant_cloud_credentials") == []
    assert vault.versions() == {result.key_version}
    second.store_keyless()


def test_after_a_rotation_webhooks_secrets_are_moved_and_nothing_else_changes(vault: Vault) -> None:
    watchers = [Watcher(frontend) for frontend in vault.frontends[:2]]
    secrets = [watcher.set("webhook", WEBHOOK)["secret"] for watcher in watchers]
    watchers[0].set("budget", BUDGET)  # a rule without a secret
    before, version = vault.webhooks(), vault.rotate()
    counted = vault.command("--dry-run")
    assert (counted.returncode, vault.webhooks()) == (0, before), counted.stderr
    assert f"webhooks found under {before[-1]['kms_key_version']}: 2" in counted.stdout
    done = vault.command()
    assert done.returncode == 0, done.stderr
    assert "webhooks re-encrypted: 2, changed by their tenants meanwhile: 0, not decrypted: 0" in done.stdout
    after = vault.webhooks()
    sealed = [row for row in after if row["rule"] == "webhook"]
    assert [(row["kms_key_version"], vault.secret_of(row)) for row in sealed] == [(version, each) for each in secrets]
    changed = {"encrypted_secret", "kms_key_version"}
    kept = [{name: value for name, value in row.items() if name not in changed} for row in before]
    assert [{name: value for name, value in row.items() if name not in changed} for row in after] == kept
    again = vault.command()
    assert (again.returncode, vault.webhooks()) == (0, after)
    assert "nothing to do" in again.stdout
    assert not any(secret in done.stdout + counted.stdout for secret in secrets)


def test_a_webhook_that_a_tenant_sets_again_or_removes_meanwhile_is_never_overwritten(vault: Vault) -> None:
    first, second = (Watcher(frontend) for frontend in vault.frontends[:2])
    for watcher in (first, second):
        watcher.set("webhook", WEBHOOK)
    version = vault.rotate()
    new: list[str] = []
    changes: Iterator[Callable[[], object]] = iter(
        [
            *[do_nothing] * len(vault.frontends),  # credentials come first
            lambda: new.append(first.set("webhook", WEBHOOK)["secret"]),
            lambda: second.frontend.api.delete(f"{second.path}/webhook"),
        ]
    )

    def meanwhile() -> None:
        next(changes)()

    with reencryption(vault, meanwhile) as changed:
        result = changed.run(dry_run=False)
    assert (result.webhooks.reencrypted, result.webhooks.overtaken, result.is_complete) == (0, 2, True)
    (row,) = [row for row in vault.webhooks() if row["rule"] == "webhook"]
    assert (row["kms_key_version"], [vault.secret_of(row)]) == (version, new)


def test_a_secret_that_was_copied_from_another_tenant_is_named_and_the_others_are_moved(vault: Vault) -> None:
    first, second = vault.frontends[:2]
    for frontend in (first, second):
        Watcher(frontend).set("webhook", WEBHOOK)
    vault.rotate()
    first.sql(
        "UPDATE {tenants}.alert_rules SET encrypted_secret = (SELECT encrypted_secret FROM {tenants}.alert_rules "
        "WHERE tenant_id = @other AND rule = 'webhook') WHERE tenant_id = @tenant_id AND rule = 'webhook'",
        other=second.tenant_id,
    )
    done = vault.command()
    assert done.returncode == 1
    assert f"not decrypted: {first.tenant_id} webhook" in done.stdout
    assert "webhooks re-encrypted: 1," in done.stdout
    for frontend in (first, second):
        assert frontend.api.delete(f"{Watcher(frontend).path}/webhook").status_code == 200


def test_an_interrupted_reencryption_continues_where_it_stopped(vault: Vault) -> None:
    vault.rotate()
    calls = iter([True, True, False])

    def cut_off() -> None:
        if not next(calls):
            raise Unavailable

    with reencryption(vault, cut_off) as first, pytest.raises(Unavailable):
        first.run(dry_run=False)
    assert len(vault.versions()) == 2
    with reencryption(vault) as second:
        done = second.run(dry_run=False)
    assert (done.credentials.reencrypted, done.is_complete) == (1, True)
    assert len(vault.versions()) == 1


def test_a_ciphertext_of_another_tenant_is_named_and_the_others_are_moved(vault: Vault) -> None:
    vault.rotate()
    first, second = vault.frontends[:2]
    stolen = (
        "UPDATE {tenants}.tenant_cloud_credentials SET encrypted_credentials = (SELECT encrypted_credentials "
        "FROM {tenants}.tenant_cloud_credentials WHERE tenant_id = @other) WHERE tenant_id = @tenant_id"
    )
    first.sql(stolen, other=second.tenant_id)
    done = vault.command()
    assert done.returncode == 1
    assert f"not decrypted: {first.tenant_id} GCP" in done.stdout
    assert "credentials re-encrypted: 2," in done.stdout
    assert first.store().status_code == 200
    with reencryption(vault) as again:
        assert again.run(dry_run=False).is_complete


@pytest.mark.parametrize("account", ["credentials", "worker", "api"])
def test_no_other_account_can_reencrypt(vault: Vault, account: str) -> None:
    vault.rotate()
    before = vault.stored()
    with reencryption(vault, account=account) as theirs, pytest.raises(ConvergenceError), translated():
        theirs.run(dry_run=False)
    assert vault.stored() == before


def test_an_account_without_a_right_gets_the_reason(vault: Vault) -> None:
    vault.rotate()
    refused = vault.command(account="credentials")
    assert refused.returncode == 2, refused.stdout
    assert "stopped: " in refused.stderr
    assert "Traceback" not in refused.stderr


def test_missing_settings_are_named() -> None:
    with environment({"PROJECT_ID": "p"}):
        refused = run(main)
    assert refused.returncode == 2
    assert "BIGQUERY_LOCATION, KMS_KEY" in refused.stderr
