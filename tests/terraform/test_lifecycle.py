"""One deployment's life, begun with deploy.sh as a new user would: applied, planned again, rotated, destroyed."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from shared.platform_config import get_platform
from tests.contract.rights import ROOT
from tests.terraform.workspace import PROJECT, PYTHON, VARIABLES, Workspace, check_out

pytestmark = [pytest.mark.judge, pytest.mark.timeout(400)]
UNPROTECTED = {"deletion_protection": False}


@dataclass(frozen=True)
class NewUser:
    """Somebody with a checkout, Terraform and a Google Cloud CLI on the PATH."""

    workspace: Workspace
    cli: Path

    def deploy(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """./deploy.sh in the checkout."""
        return subprocess.run(
            ["./deploy.sh", *arguments],
            cwd=self.workspace.root,
            env={"PATH": f"{self.cli}:{os.environ['PATH']}", "HOME": str(self.cli), **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def fill_in_variables(self) -> None:
        """Copy the example and put one's own values."""
        values = "".join(f'{name} = "{value}"\n' for name, value in VARIABLES.items())
        (self.workspace.root / "terraform" / "terraform.tfvars").write_text(values, encoding="utf-8")

    def gcloud(self) -> list[str]:
        """The calls of the Google Cloud CLI."""
        return (self.cli / "calls").read_text(encoding="utf-8").splitlines()

    def admin_keys(self) -> tuple[list[str], dict[str, str]]:
        """The keys that were stored, and the aliases."""
        kept = json.loads((self.cli / "secrets.json").read_text(encoding="utf-8"))
        return kept["keys"], kept["aliases"]


@pytest.fixture
def user(terraform: Path, tmp_path: Path) -> NewUser:
    """A new user; Terraform keeps its files in the checkout, as it does for them."""
    cli = tmp_path / "cli"
    cli.mkdir()
    (cli / "terraform").symlink_to(terraform)
    command = f'#!/bin/sh\nexec "{sys.executable}" "{Path(__file__).with_name("gcloud.py")}" "{cli}" "$@"\n'
    (cli / "gcloud").write_text(command, encoding="utf-8")
    (cli / "gcloud").chmod(0o755)
    root = check_out(tmp_path / "checkout")
    return NewUser(Workspace(root, terraform, root / "terraform", data_folder=".terraform"), cli)


def test_files_are_formatted_and_valid(workspace: Workspace) -> None:
    assert workspace.succeed("fmt", "-check", "-recursive", "-diff") == ""
    assert "Success" in workspace.succeed("validate", "-no-color")


def test_shellcheck_has_nothing_to_say(workspace: Workspace) -> None:
    command = [PYTHON.parent / "shellcheck", workspace.root / "deploy.sh"]
    assert subprocess.run(command, capture_output=True, text=True, check=False).stdout == ""


def test_help_names_every_command(user: NewUser) -> None:
    shown = user.deploy("--help")
    assert shown.returncode == 0
    assert all(
        f"\n  {command} " in shown.stdout for command in ("plan", "apply", "urls", "rotate-admin-key", "destroy")
    )


def test_everything_that_is_missing_is_said_at_once(user: NewUser) -> None:
    (user.workspace.root / "functions" / "run_pipeline" / "requirements.txt").unlink()
    refused = user.deploy("apply", "--yes", TF_VAR_region="europe-west3")
    assert refused.returncode == 2
    for missing in ("the variable project_id", "the variable bigquery_location", "run_pipeline/requirements.txt"):
        assert missing in refused.stderr
    assert "the variable region" not in refused.stderr


def test_nothing_is_applied_without_a_yes(user: NewUser) -> None:
    user.fill_in_variables()
    refused = user.deploy("apply")
    assert refused.returncode == 2
    assert "needs a yes" in refused.stderr
    assert not (user.workspace.root / "terraform" / "terraform.tfstate").exists()


def test_a_deployment_lives_from_apply_to_destroy(user: NewUser) -> None:
    """Every step looks at what the one before left behind, so they are one test."""
    user.fill_in_variables()
    applied = user.deploy("apply", "--yes")
    assert applied.returncode == 0, applied.stdout[-3000:] + applied.stderr[-3000:]
    for function in get_platform().functions.values():
        for route in function.routes:
            assert route.split()[1] in applied.stdout
    assert "== Next" in applied.stdout
    assert f"services enable cloudresourcemanager.googleapis.com serviceusage.googleapis.com --project={PROJECT}" in (
        user.gcloud()
    )

    (key,), aliases = user.admin_keys()
    assert len(key) >= 32
    assert aliases == {"current": "1"}
    state = (user.workspace.root / "terraform" / "terraform.tfstate").read_text(encoding="utf-8")
    assert key not in state + applied.stdout

    rotated = user.deploy("rotate-admin-key", ADMIN_KEY="a-key-that-somebody-else-has-chosen")
    assert rotated.returncode == 0, rotated.stderr
    assert user.admin_keys() == ([key, "a-key-that-somebody-else-has-chosen"], {"current": "2", "previous": "1"})

    # The archives are gone, as on another machine: they are packed again, to the same bytes, and nothing changes.
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
    assert ".terraform.lock.hcl" not in listed.stdout  # one made with our providers would lock engineers out
