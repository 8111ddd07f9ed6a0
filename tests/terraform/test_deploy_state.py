"""deploy.sh keeps Terraform's state where it was put, moves it once, and never copies it over another."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.terraform.new_user import NewUser, colleague_of, new_user
from tests.support.terraform.storage import Storage, storage

pytestmark = [pytest.mark.judge, pytest.mark.timeout(280)]


def remote(server: Storage) -> dict[str, str]:
    """Makes Terraform's own backend use this Cloud Storage."""
    return {"STORAGE_EMULATOR_HOST": server.address, "GOOGLE_OAUTH_ACCESS_TOKEN": "token"}


def test_a_state_moves_into_a_bucket_and_colleagues_continue_from_there(
    terraform: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    first = new_user(tmp_path_factory.mktemp("first"), terraform, name='one\'s own "folder"')
    first.fill_in_variables()
    with storage() as server:
        assert first.deploy("apply", "--yes").returncode == 0
        moved = first.deploy("plan", "--yes", "--state-bucket", "gs://acme-state", env=remote(server))
        assert moved.returncode == 0, moved.stdout[-2000:] + moved.stderr[-2000:]
        assert "No changes." in moved.stdout
        assert list(server.objects) == ["acme-state/convergence/acme-costs/default.tfstate"]
        created = [call for call in first.gcloud() if call.startswith("storage buckets create")]
        assert "--public-access-prevention" in created[0]

        second = colleague_of(first, tmp_path_factory.mktemp("colleague"))
        second.fill_in_variables()
        seen = second.deploy("plan", STATE_BUCKET="acme-state", env=remote(server))
        assert seen.returncode == 0, seen.stderr
        assert "No changes." in seen.stdout

        server.objects["acme-state/convergence/acme-costs/default.tflock"] = (10**6, b'{"ID": "1", "Who": "first"}')
        locked = second.deploy("apply", "--yes", env=remote(server))  # the bucket is remembered
        assert locked.returncode != 0
        assert "Error acquiring the state lock" in locked.stdout + locked.stderr


def test_a_state_is_never_copied_over_another(deployed: NewUser) -> None:
    (deployed.cli / "storage").mkdir()
    for name in ("acme-state", "acme-state|convergence|acme-costs|default.tfstate"):
        (deployed.cli / "storage" / name).touch()
    refused = deployed.deploy("plan", "--yes", "--state-bucket", "acme-state")
    assert refused.returncode == 2
    assert "default.tfstate is there, and so is a state here" in refused.stderr
    assert not (deployed.workspace.root / "terraform" / "backend.tf").exists()


def test_a_bucket_that_may_not_be_read_is_not_remembered(user: NewUser) -> None:
    user.fill_in_variables()
    with storage() as server:
        server.denies = True
        failed = user.deploy("apply", "--yes", "--state-bucket", "acme-state", env=remote(server))
    assert failed.returncode == 1
    assert "403" in failed.stdout + failed.stderr
    assert not (user.workspace.root / "terraform" / "backend.tf").exists()
