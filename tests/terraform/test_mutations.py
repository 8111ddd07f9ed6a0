"""Mistakes that must not get through: each is made in a copy, and a check has to fail."""

import pytest

from shared.platform_config import get_platform
from tests.terraform import checks
from tests.terraform.workspace import Workspace

pytestmark = [pytest.mark.judge, pytest.mark.timeout(280)]


def test_a_misspelt_argument_is_refused(copied: Workspace) -> None:
    copied.replace("terraform/functions.tf", "timeout_seconds    ", "timeout_second    ")
    done = copied.run("validate", "-no-color")
    assert done.returncode != 0
    assert 'An argument named "timeout_second" is not expected here' in done.stdout + done.stderr


def test_a_dropped_grant_is_seen(copied: Workspace) -> None:
    copied.replace("configs/platform.yml", "    kms: [decrypt]\n", "")
    with pytest.raises(AssertionError, match="missing"):
        checks.check_grants(copied.plan(), checks.reviewed_grants())


def test_a_widened_grant_is_seen(copied: Workspace) -> None:
    copied.replace(
        "terraform/iam.tf", '"roles/cloudkms.cryptoKeyEncrypter"', '"roles/cloudkms.cryptoKeyEncrypterDecrypter"'
    )
    with pytest.raises(AssertionError, match="nobody reviewed"):
        checks.check_grants(copied.plan(), checks.reviewed_grants())


def test_a_missing_variable_and_a_lost_column_are_seen(copied: Workspace) -> None:
    copied.replace("terraform/functions.tf", "        LOG_LEVEL         = var.log_level\n", "")
    path = "configs/tables/tenants/dispatcher_state.yml"
    lines = (copied.root / path).read_text(encoding="utf-8").splitlines(keepends=True)
    column = next(line for line in lines if "name: epoch" in line)
    copied.replace(path, column, column.replace("epoch", "era"))
    plan = copied.plan()
    with pytest.raises(AssertionError, match="LOG_LEVEL"):
        checks.check_environments(plan)
    with pytest.raises(AssertionError, match="dispatcher_state"):
        checks.check_tables(plan)


def test_a_function_made_public_is_seen(copied: Workspace) -> None:
    copied.replace(
        "terraform/iam.tf",
        'var.public_access == "all_users" ? keys(local.public_functions)',
        "true ? keys(local.functions)",
    )
    public = {name for name, function in get_platform().functions.items() if function.access == "public"}
    plan = copied.plan()
    with pytest.raises(AssertionError, match="execute-run"):
        checks.check_public(plan, public)
    with pytest.raises(AssertionError, match="nobody reviewed"):
        checks.check_grants(plan, checks.reviewed_grants())
