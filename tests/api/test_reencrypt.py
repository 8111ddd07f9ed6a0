"""The operator's re-encryption after a rotation of the key, on the local cloud's KMS."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from devcloud.server import Devcloud
from shared.adapters.bigquery.job_errors import translated
from shared.commands.reencrypt import main
from shared.errors import ConvergenceError, Unavailable
from tests.support.alerts import BUDGET, Watcher
from tests.support.commands import environment, run
from tests.support.frontend import new_frontend
from tests.support.vault import Vault, do_nothing, reencryption

WEBHOOK = {"url": "https://example.com/alerts"}
ROOT = Path(__file__).resolve().parents[2]
Json = dict[str, Any]


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
