"""A user who deploys for the first time: a checkout, Terraform and a Google Cloud CLI on the PATH."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support.terraform.workspace import VARIABLES, Workspace, check_out, copy_sources


@dataclass(frozen=True)
class NewUser:
    """Runs deploy.sh as a person does; Terraform keeps its files in the checkout, as it does for them."""

    workspace: Workspace
    cli: Path

    @property
    def environment(self) -> dict[str, str]:
        """The environment of deploy.sh. Its commands find all tables up to date."""
        path = f"{self.cli}:{os.environ['PATH']}"
        return {"PATH": path, "HOME": str(self.cli), "DEPLOY_PYTHON": str(self.cli / "python")}

    def deploy(
        self, *arguments: str, cwd: Path | None = None, env: Mapping[str, str] | None = None, **more: str
    ) -> subprocess.CompletedProcess[str]:
        """./deploy.sh of the checkout."""
        return subprocess.run(
            [self.workspace.root / "deploy.sh", *arguments],
            cwd=cwd or self.workspace.root,
            env={**self.environment, **(env or {}), **more},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def fill_in_variables(self, **changes: str) -> None:
        """Write terraform.tfvars with one's own values."""
        values = "".join(f'{name} = "{value}"\n' for name, value in {**VARIABLES, **changes}.items())
        (self.workspace.root / "terraform" / "terraform.tfvars").write_text(values, encoding="utf-8")

    def gcloud(self) -> list[str]:
        """The calls of the Google Cloud CLI, and those of Python among them."""
        return (self.cli / "calls").read_text(encoding="utf-8").splitlines()

    def admin_keys(self) -> tuple[list[str], dict[str, str]]:
        """The admin keys that were stored, and the aliases."""
        return self.versions("convergence-admin-key")

    def versions(self, secret: str) -> tuple[list[str], dict[str, str]]:
        """The values of a secret that were stored, and the aliases."""
        kept = json.loads((self.cli / "secrets.json").read_text(encoding="utf-8"))[secret]
        return kept["keys"], kept["aliases"]


def new_user(folder: Path, terraform: Path, *, name: str = "checkout") -> NewUser:
    """A new user with a checkout of that name under `folder`."""
    cli = folder / "cli"
    cli.mkdir(parents=True)
    (cli / "terraform").symlink_to(terraform)
    command = f'#!/bin/sh\nexec "{sys.executable}" "{Path(__file__).with_name("gcloud.py")}" "{cli}" "$@"\n'
    (cli / "gcloud").write_text(command, encoding="utf-8")
    (cli / "gcloud").chmod(0o755)
    noted = f'#!/bin/sh\necho "python $* in $PROJECT_ID, $BIGQUERY_LOCATION" >> "{cli}/calls"\n'
    (cli / "python").write_text(f'{noted}[ ! -e "{cli}/refuses" ]\n', encoding="utf-8")
    (cli / "python").chmod(0o755)
    root = check_out(folder / name)
    return NewUser(Workspace(root, terraform, root / "terraform", data_folder=".terraform"), cli)


def colleague_of(user: NewUser, folder: Path) -> NewUser:
    """A colleague with a checkout of the same version, and the same cloud."""
    root = copy_sources(user.workspace.root, folder / "checkout")
    return NewUser(Workspace(root, user.workspace.terraform, root / "terraform", data_folder=".terraform"), user.cli)
