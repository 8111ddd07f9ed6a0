"""deploy.sh refuses with reasons, and asks before it changes anything."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from devcloud.environment import closed_way_out
from devcloud.server import Devcloud
from tests.support.contract.rights import ROOT
from tests.support.executions import eventually
from tests.support.tenant import Tenant
from tests.support.terraform.new_user import NewUser
from tests.support.terraform.workspace import PYTHON

pytestmark = [pytest.mark.judge, pytest.mark.timeout(280)]


def test_shellcheck_finds_nothing() -> None:
    parts = sorted(str(path) for path in (ROOT / "tools" / "deploy").glob("*.sh"))
    command = [str(PYTHON.parent / "shellcheck"), "-x", "deploy.sh", *parts]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout == ""


def test_help_names_every_command_and_option(user: NewUser) -> None:
    shown = user.deploy("--help")
    assert shown.returncode == 0
    script = (ROOT / "deploy.sh").read_text(encoding="utf-8")
    cases = script.partition("parse_arguments() {")[2].partition("\n}")[0]
    for word in (
        "plan",
        "apply",
        "urls",
        "rotate-admin-key",
        "destroy",
        "--var-file",
        "--state-bucket",
        "--smoke-test",
    ):
        assert word in cases
        assert f"\n  {word} " in shown.stdout


def test_all_missing_things_are_reported_together(user: NewUser, tmp_path: Path) -> None:
    (user.workspace.root / "functions" / "run_pipeline" / "requirements.txt").unlink()
    old = tmp_path / "old terraform"
    old.write_text("#!/bin/sh\necho 'Terraform v1.5.7'\n", encoding="utf-8")
    old.chmod(0o755)
    own = {"TERRAFORM": str(old), "DEPLOY_PYTHON": ""}
    refused = user.deploy("apply", "--yes", "--smoke-test", env=own, TF_VAR_region="europe-west3")
    assert refused.returncode == 2
    for missing in (
        "1.9.0 at least, this is 1.5.7", "the variable project_id", "the variable bigquery_location",
        "run_pipeline/requirements.txt", "SMOKE_GCP_KEY", ".venv/bin/python (make setup)",
    ):  # fmt: skip
        assert missing in refused.stderr
    assert "the variable region" not in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["apply", "destroy"], "one command at a time"),
        (["apply", "--state-bucket"], "--state-bucket needs a value"),
        (["apply", "--var-file="], "--var-file needs a value"),
        (["apply", "--var-file", "nowhere.tfvars"], "nowhere.tfvars"),
        (["apply", "--dry-run"], "unknown argument --dry-run"),
        (["apply", '--state-bucket=a"}\nevil'], "is not a bucket's name"),
        (["urls"], "nothing is deployed yet"),
        (["rotate-admin-key"], "nothing is deployed yet"),
        (["plan"], "gcloud services enable bigquery.googleapis.com"),
        (["apply"], "needs a yes"),
    ],
)
def test_a_deployment_that_cannot_work_is_refused_with_the_reason(
    user: NewUser, arguments: list[str], reason: str
) -> None:
    user.fill_in_variables()
    refused = user.deploy(*arguments)
    assert refused.returncode == 2, refused.stdout + refused.stderr
    assert reason in refused.stderr
    assert not (user.workspace.root / "terraform" / "backend.tf").exists()
    assert not (user.workspace.root / "terraform" / "terraform.tfstate").exists()


def test_variables_of_one_platform_are_not_used_for_another(user: NewUser, tmp_path: Path) -> None:
    user.fill_in_variables()
    other = tmp_path / "other.tfvars"
    other.write_text((user.workspace.root / "terraform" / "terraform.tfvars").read_text(encoding="utf-8"))
    refused = user.deploy("plan", "--var-file", "other.tfvars", cwd=tmp_path)
    assert refused.returncode == 2
    assert "another name for" in refused.stderr


def test_the_console_has_a_key_that_can_be_rotated(deployed: NewUser) -> None:
    keys, aliases = deployed.versions("convergence-console-key")
    assert aliases == {"current": "1"}
    assert len(keys[0]) >= 32
    assert keys[0] not in deployed.admin_keys()[0]
    rotated = deployed.deploy("rotate-console-key")
    assert rotated.returncode == 0, rotated.stderr
    keys, aliases = deployed.versions("convergence-console-key")
    assert (len(set(keys)), aliases) == (2, {"current": "2", "previous": "1"})
    assert not any(key in rotated.stdout + rotated.stderr for key in keys)


@pytest.mark.parametrize(
    ("key", "reason"), [("short", "fewer than 32"), (f"{'k' * 40}\nX-Evil: 1", "a line break"), ("k " * 20, "a space")]
)
def test_an_admin_key_that_no_http_header_can_carry_is_refused(deployed: NewUser, key: str, reason: str) -> None:
    before = deployed.admin_keys()
    refused = deployed.deploy("rotate-admin-key", ADMIN_KEY=key)
    assert refused.returncode == 2
    assert reason in refused.stderr
    assert deployed.admin_keys() == before


def migrations(user: NewUser) -> list[str]:
    return [call for call in user.gcloud() if call.startswith("python")]


def test_tables_grow_before_the_functions_that_write_into_them_and_again_after(deployed: NewUser) -> None:
    before = len(migrations(deployed))
    again = deployed.deploy("apply", "--yes")
    assert again.returncode == 0, again.stderr
    command, place = "python -m shared.commands.migrate", "in acme-costs, EU"
    assert migrations(deployed)[before:] == [
        f"{command} --dry-run {place}",
        f"{command} {place}",
        f"{command} --grants {place}",
    ]
    steps = [line for line in again.stdout.splitlines() if line.startswith("== ")]
    assert steps[:6] == [
        "== Preparing Terraform", "== Planning", "== Tables that exist (--dry-run)", "== Tables that exist",
        "== Applying", "== Tables that exist (--grants)",
    ]  # fmt: skip


def test_nothing_is_applied_when_tables_cannot_be_changed(deployed: NewUser) -> None:
    (deployed.cli / "refuses").touch()
    refused = deployed.deploy("apply", "--yes")
    (deployed.cli / "refuses").unlink()
    assert refused.returncode == 2
    assert "are not as the new version needs them" in refused.stderr
    assert "== Applying" not in refused.stdout
    missing = deployed.deploy("plan", DEPLOY_PYTHON="/nowhere")
    assert (missing.returncode, "/nowhere (make setup)" in missing.stderr) == (2, True)


def test_a_second_apply_creates_no_second_admin_key_and_changes_nothing(deployed: NewUser) -> None:
    before = deployed.admin_keys()
    again = deployed.deploy("apply", "--yes")
    assert again.returncode == 0, again.stderr
    assert "No changes." in again.stdout
    assert deployed.admin_keys() == before


@pytest.mark.parametrize(
    ("command", "name", "value"),
    [
        ("apply", "project_id", "other-project"),
        ("destroy", "region", "us-central1"),
        ("plan", "bigquery_location", "US"),
    ],
)
def test_a_deployment_to_another_project_or_region_does_not_replace_this_one(
    deployed: NewUser, command: str, name: str, value: str
) -> None:
    deployed.fill_in_variables(**{name: value})
    refused = deployed.deploy(command, "--yes")
    deployed.fill_in_variables()
    assert refused.returncode == 2
    assert f"the variables say {value}" in refused.stderr


def begun(user: NewUser, *arguments: str, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    """deploy.sh in a process group of its own, as a terminal starts it."""
    with (user.cli / "output").open("wb") as output:
        return subprocess.Popen(
            [user.workspace.root / "deploy.sh", *arguments], stdin=stdin, stdout=output, stderr=subprocess.STDOUT,
            env=user.environment, start_new_session=True,
        )  # fmt: skip


def says(user: NewUser, text: str) -> Callable[[], bool]:
    return lambda: text in (user.cli / "output").read_text(encoding="utf-8")


def test_nothing_changes_if_the_person_answers_no(user: NewUser) -> None:
    user.fill_in_variables()
    ours, terminal = pty.openpty()
    script = begun(user, "apply", stdin=terminal)
    eventually(says(user, "Apply this plan to acme-costs?"), within_seconds=200)
    os.write(ours, b"no\n")
    assert script.wait() == 2
    assert says(user, "nothing was changed")()
    assert not (user.workspace.root / "terraform" / "terraform.tfstate").exists()
    assert not (user.workspace.root / "terraform" / "build" / "deploy.tfplan").exists()
    os.close(ours)
    os.close(terminal)


@pytest.mark.usefixtures("live_dispatcher")
def test_the_smoke_test_runs_against_what_was_deployed(deployed: NewUser, cloud: Devcloud, tenant: Tenant) -> None:
    """The local cloud's functions stand in for the deployed ones. Everything else is what deploy.sh prints."""
    key, urls = (
        deployed.cli / "key.json",
        {name: f"{cloud.ready['gateway']}/{name}" for name in cloud.platform.functions},
    )
    key.write_text(json.dumps(tenant.gcp_key), encoding="utf-8")
    environment = {
        "CONVERGENCE_ADMIN_KEY": cloud.ready["admin_key"],
        "CONVERGENCE_ID_TOKEN": "",
        "GOOGLE_APPLICATION_CREDENTIALS": cloud.ready["env"]["GOOGLE_APPLICATION_CREDENTIALS"],
        "BIGQUERY_EMULATOR_HOST": cloud.ready["bigquery"],
        "BIGQUERY_ENDPOINT": cloud.ready["bigquery"],
        **closed_way_out(cloud.cloud),
    }
    ours = deployed.cli / "python"
    ours.write_text(f"""#!{sys.executable}
import json, os, subprocess, sys
if sys.argv[1] == "-m":
    place = {{"PROJECT_ID": {cloud.project!r}, "BIGQUERY_LOCATION": {cloud.location!r}}}
    environment = os.environ | {environment!r} | place
    sys.exit(subprocess.run([{sys.executable!r}, *sys.argv[1:]], cwd={str(ROOT)!r}, env=environment).returncode)
script, *arguments = sys.argv[1:]
options = dict(zip(arguments[::2], arguments[1::2]))
with open(options["--urls"]) as file:
    planned = json.load(file)
assert planned.keys() == {urls!r}.keys() and all(url.endswith(".run.app") for url in planned.values())
assert options["--project"] == "acme-costs" and options["--bigquery-location"] == "EU"
assert os.environ["CONVERGENCE_ADMIN_KEY"] == {deployed.admin_keys()[0][-1]!r}
assert os.environ["CONVERGENCE_ID_TOKEN"] == "token-of-a-person"
with open(options["--urls"], "w") as file:
    json.dump({urls!r}, file)
options |= {{"--project": {cloud.project!r}, "--bigquery-location": {cloud.location!r}}}
command = [{sys.executable!r}, script, *(word for option in options.items() for word in option)]
sys.exit(subprocess.run(command, cwd={str(ROOT)!r}, env=os.environ | {environment!r}).returncode)
""", encoding="utf-8")  # fmt: skip
    ours.chmod(0o755)
    smoke = {
        "DEPLOY_PYTHON": str(ours), "SMOKE_GCP_KEY": str(key), "SMOKE_DATE": "2025-11-16",
        "SMOKE_EXPORT_TABLE": tenant.export.table,
    }  # fmt: skip
    tested = deployed.deploy("apply", "--yes", "--smoke-test", env=smoke)
    assert tested.returncode == 0, tested.stdout[-3000:] + tested.stderr[-3000:]
    assert "6 passed, 0 failed" in tested.stdout
    assert "nothing to do" in tested.stdout
