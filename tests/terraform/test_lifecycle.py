"""The life of a deployment: deploy.sh as a new user, apply, a second plan, rotation, destroy."""

import shutil
import subprocess
from pathlib import Path

import pytest

from shared.configuration.platform_config import get_platform
from tests.support.contract.rights import ROOT
from tests.support.terraform.new_user import NewUser
from tests.support.terraform.workspace import PROJECT, Workspace

pytestmark = [pytest.mark.judge, pytest.mark.timeout(400)]
UNPROTECTED = {"deletion_protection": False}


def test_files_are_formatted_and_valid(workspace: Workspace) -> None:
    assert workspace.succeed("fmt", "-check", "-recursive", "-diff") == ""
    assert "Success" in workspace.succeed("validate", "-no-color")


def test_a_deployment_lives_from_apply_to_destroy(user: NewUser) -> None:
    """Each step depends on the one before, so all steps are one test."""
    user.fill_in_variables()
    applied = user.deploy("apply", "--yes")
    assert applied.returncode == 0, applied.stdout[-3000:] + applied.stderr[-3000:]
    for function in get_platform().functions.values():
        for route in function.routes:
            assert route.split()[1] in applied.stdout
    assert "== Next" in applied.stdout
    (enabled,) = [call.split() for call in user.gcloud() if call.startswith("services enable")]
    assert {"cloudresourcemanager.googleapis.com", "serviceusage.googleapis.com", f"--project={PROJECT}"} <= set(
        enabled
    )

    (key,), aliases = user.admin_keys()
    assert len(key) >= 32
    assert aliases == {"current": "1"}
    state = (user.workspace.root / "terraform" / "terraform.tfstate").read_text(encoding="utf-8")
    assert key not in state + applied.stdout

    rotated = user.deploy("rotate-admin-key", ADMIN_KEY="a-key-that-somebody-else-has-chosen")
    assert rotated.returncode == 0, rotated.stderr
    assert user.admin_keys() == ([key, "a-key-that-somebody-else-has-chosen"], {"current": "2", "previous": "1"})

    # The archives are deleted, as on another machine. They are packed again with the same bytes, so nothing changes.
    build = user.workspace.root / "terraform" / "build"
    packed = {path.name: path.read_bytes() for path in build.glob("*.zip")}
    shutil.rmtree(build)
    assert user.workspace.run("plan", "-detailed-exitcode", "-no-color").returncode == 0
    assert {path.name: path.read_bytes() for path in build.glob("*.zip")} == packed

    refused = user.deploy("destroy", "--yes")
    assert refused.returncode == 1
    assert "prevent_destroy" in refused.stdout + refused.stderr
    protected = user.workspace.run("destroy", "-auto-approve", "-no-color", "-target=google_bigquery_table.central")
    assert "deletion_protection is set" in protected.stdout + protected.stderr

    user.workspace.succeed("apply", "-auto-approve", "-no-color", variables=UNPROTECTED)
    gone = user.deploy("destroy", "--yes", "--forget-key", TF_VAR_deletion_protection="false")
    assert gone.returncode == 0, gone.stdout[-3000:] + gone.stderr[-3000:]
    assert "values" not in user.workspace.state()
    assert "Removed google_kms_crypto_key.credentials" in gone.stdout


def test_the_key_is_destroyed_only_where_its_protection_was_lifted(copied: Workspace) -> None:
    key = "-target=google_kms_crypto_key.credentials"
    copied.succeed("apply", "-auto-approve", "-no-color", key)
    assert "prevent_destroy" in copied.run("destroy", "-auto-approve", "-no-color", key).stderr
    kms = copied.root / "terraform" / "kms.tf"
    kms.write_text(kms.read_text(encoding="utf-8").replace("prevent_destroy = true", "prevent_destroy = false"))
    copied.succeed("destroy", "-auto-approve", "-no-color", key)


def test_nothing_of_terraforms_own_is_under_version_control() -> None:
    listed = subprocess.run(["git", "ls-files", "terraform"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert {Path(name).suffix for name in listed.stdout.splitlines()} == {".tf", ".hcl", ".md", ".example"}
    assert (
        ".terraform.lock.hcl" not in listed.stdout
    )  # a lock file of our stub providers would make Terraform refuse the real ones
