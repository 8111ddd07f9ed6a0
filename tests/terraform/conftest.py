"""Terraform, a checkout and its plan, made once for all tests of a worker."""

from pathlib import Path

import pytest

from tests.support.terraform.new_user import NewUser, new_user
from tests.support.terraform.workspace import Plan, Workspace, check_out, lay_out

pytestmark = pytest.mark.judge


@pytest.fixture(scope="session")
def terraform(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The path of the command `terraform`."""
    return lay_out(tmp_path_factory.mktemp("terraform"))


@pytest.fixture(scope="session")
def workspace(terraform: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """An initialised checkout. Only tests that do not change it use it directly."""
    root = tmp_path_factory.mktemp("workspace")
    (root / "checkout").mkdir()
    made = Workspace(check_out(root / "checkout"), terraform, root / "data")
    made.data.mkdir()
    made.succeed("init", "-input=false", "-no-color")
    return made


@pytest.fixture(scope="session")
def plan(workspace: Workspace) -> Plan:
    """The plan of a first deployment."""
    return workspace.plan()


@pytest.fixture
def copied(workspace: Workspace, tmp_path: Path) -> Workspace:
    """A checkout of the test's own."""
    return workspace.copy(tmp_path)


@pytest.fixture
def user(terraform: Path, tmp_path: Path) -> NewUser:
    """A user who deploys for the first time."""
    return new_user(tmp_path, terraform)


@pytest.fixture(scope="session")
def deployed(terraform: Path, tmp_path_factory: pytest.TempPathFactory) -> NewUser:
    """A user who has deployed. Tests do not change the state and the variables."""
    made = new_user(tmp_path_factory.mktemp("deployed"), terraform)
    made.fill_in_variables()
    applied = made.deploy("apply", "--yes")
    assert applied.returncode == 0, applied.stdout[-3000:] + applied.stderr[-3000:]
    return made
