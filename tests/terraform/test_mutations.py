"""Each dangerous change, made in a copy, fails a check."""

import pytest

from shared.configuration.platform_config import get_platform
from tests.support.terraform import checks
from tests.support.terraform.workspace import Plan, Workspace
from tests.terraform import test_plan

pytestmark = [pytest.mark.judge, pytest.mark.timeout(280)]


def test_a_misspelt_argument_is_refused(copied: Workspace) -> None:
    copied.replace("terraform/functions.tf", "timeout_seconds    ", "timeout_second    ")
    done = copied.run("validate", "-no-color")
    assert done.returncode != 0
    assert 'An argument named "timeout_second" is not expected here' in done.stdout + done.stderr


def test_a_misspelt_user_of_a_table_is_refused(copied: Workspace) -> None:
    copied.replace("configs/tables/tenants/dispatcher_state.yml", "reset_daily_quotas", "reset_daily_quota")
    done = copied.run("plan", "-input=false", "-no-color", "-refresh=false")
    assert done.returncode != 0
    assert "Error: Invalid index" in done.stdout + done.stderr
    assert "local.account_of_user[name]" in done.stdout + done.stderr


def test_a_dropped_grant_is_found(copied: Workspace) -> None:
    copied.replace("configs/platform.yml", "never encrypts\n    kms: [decrypt]\n", "never encrypts\n")
    with pytest.raises(AssertionError, match="missing"):
        checks.check_grants(copied.plan(), checks.reviewed_grants())


def test_a_widened_grant_is_found(copied: Workspace) -> None:
    copied.replace(
        "terraform/iam.tf", '"roles/cloudkms.cryptoKeyEncrypter"', '"roles/cloudkms.cryptoKeyEncrypterDecrypter"'
    )
    with pytest.raises(AssertionError, match="nobody reviewed"):
        checks.check_grants(copied.plan(), checks.reviewed_grants())


def test_a_missing_variable_and_a_lost_column_are_found(copied: Workspace) -> None:
    copied.replace("terraform/settings.tf", "        LOG_LEVEL         = var.log_level\n", "")
    path = "configs/tables/tenants/dispatcher_state.yml"
    lines = (copied.root / path).read_text(encoding="utf-8").splitlines(keepends=True)
    column = next(line for line in lines if "name: epoch" in line)
    copied.replace(path, column, column.replace("epoch", "era"))
    plan = copied.plan()
    with pytest.raises(AssertionError, match="LOG_LEVEL"):
        checks.check_environments(plan)
    with pytest.raises(AssertionError, match="dispatcher_state"):
        checks.check_tables(plan)


def test_a_function_that_became_public_is_found(copied: Workspace) -> None:
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


# Changes of files, each with the check that has to find it.
QUIET_MISTAKES = [
    (
        test_plan.test_jobs_call_their_functions_with_an_explicit_audience,
        "terraform/scheduler.tf",
        "audience              = local.function_urls[each.value.function]",
        'audience              = "https://example.com"',
    ),
    (
        test_plan.test_functions_that_only_google_calls_take_no_calls_from_the_internet,
        "terraform/functions.tf",
        '"ALLOW_INTERNAL_ONLY"',
        '"ALLOW_ALL"',
    ),
    (
        test_plan.test_only_the_public_functions_are_open_to_everybody,
        "terraform/iam.tf",
        '"allUsers"',
        '"allAuthenticatedUsers"',
    ),
    (
        test_plan.test_custom_roles_have_only_the_permissions_that_their_names_say,
        "terraform/iam.tf",
        '["bigquery.tables.get", "bigquery.tables.updateData"]',
        '["bigquery.tables.get", "bigquery.tables.getData", "bigquery.tables.updateData"]',
    ),
    (
        test_plan.test_central_tables_are_those_of_configs,
        "terraform/bigquery.tf",
        "deletion_protection = var.deletion_protection",
        "deletion_protection = false",
    ),
    (
        test_plan.test_the_key_rotates_within_ninety_days_and_is_protected,
        "configs/platform.yml",
        "rotation_days: 90",
        "rotation_days: 91",
    ),
    (
        test_plan.test_names_are_accepted_by_google,
        "configs/platform.yml",
        "id: cvg-tasks-invoker",
        "id: cvg-the-invoker-of-all-of-our-tasks",
    ),
    (
        test_plan.test_queues_are_those_of_platform_yml,
        "configs/platform.yml",
        "max_concurrent_dispatches: 1\n",
        "max_concurrent_dispatches: 7\n",
    ),
    (
        test_plan.test_no_secrets_value_is_in_the_plan_or_its_outputs,
        "terraform/outputs.tf",
        'output "location" {',
        'output "key" {\n  value     = var.scheduler_admin_key\n  sensitive = true\n}\n\noutput "location" {',
    ),
]


def test_each_silent_mistake_is_found_by_its_check(copied: Workspace, plan: Plan) -> None:
    for check, path, old, new in QUIET_MISTAKES:
        check(plan)
        copied.replace(path, old, new)
    mistaken = copied.plan()
    for check, *_ in QUIET_MISTAKES:
        with pytest.raises(AssertionError):
            check(mistaken)
