"""deploy.sh goes on after a failure only if it says so: Terraform is replaced, so that it can fail at each step."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.terraform.new_user import NewUser, new_user
from tests.support.terraform.workspace import PROJECT

_TERRAFORM = """\
#!/bin/sh
case "$2 $3 $4" in
  "%s "*) exit 1 ;;
  "output -json location") exit 1 ;;
  "output -json "*) echo "{}" ;;
  "output -raw "*) echo "of-terraform" ;;
  *) echo "Terraform v1.9.0" ;;
esac
"""


@pytest.fixture
def user(tmp_path: Path) -> NewUser:
    """A user with an empty project, whose Terraform does nothing."""
    made = new_user(tmp_path, tmp_path / "terraform")
    made.fill_in_variables()
    return made


def _let_terraform_fail(user: NewUser, step: str) -> None:
    user.workspace.terraform.write_text(_TERRAFORM % step, encoding="utf-8")
    user.workspace.terraform.chmod(0o755)


@pytest.mark.parametrize("step", ["init", "plan", "apply"])
def test_an_apply_ends_where_terraform_fails(user: NewUser, step: str) -> None:
    _let_terraform_fail(user, step)
    failed = user.deploy("apply", "--yes")
    assert failed.returncode == 1, failed.stdout + failed.stderr
    assert ("wait a minute, then run it again.\n" in failed.stdout) == (step == "apply")
    assert "== Admin key" not in failed.stdout
    assert not [call for call in user.gcloud() if call.startswith("secrets")]


def test_a_plan_before_any_preparation_says_which_file_to_copy(tmp_path: Path) -> None:
    user = new_user(tmp_path, tmp_path / "terraform")
    refused = user.deploy("plan")
    variables = user.workspace.root / "terraform" / "terraform.tfvars"
    assert refused.returncode == 2
    assert f"  - the file itself: cp {variables}.example {variables}\n" in refused.stderr
    assert Path(f"{variables}.example").is_file()


def test_a_first_apply_says_how_to_read_the_key_and_how_to_onboard(user: NewUser) -> None:
    _let_terraform_fail(user, "nothing")
    applied = user.deploy("apply", "--yes")
    assert (applied.returncode, applied.stderr) == (0, "")
    assert f"\ngcloud secrets versions access current --secret=of-terraform --project={PROJECT}\n" in applied.stdout
    assert "convergence tenants onboard" in applied.stdout
