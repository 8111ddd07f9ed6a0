"""The output and effect of each command. Commands run in the test's process, the cloud is the worker's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from decimal import Decimal
from pathlib import Path

import pytest
import requests

from devcloud.cli import main
from devcloud.gateway.instances import PROJECT_ROOT
from devcloud.server import Devcloud
from tests.support.commands import run
from tests.support.devcloud.command_line import DEVCLOUD, CommandLine


@pytest.fixture
def new_name() -> str:
    return f"tenant_{uuid.uuid4().hex[:12]}"


def test_help_names_every_command() -> None:
    done = run(main, "--help")
    assert done.returncode == 0
    for name in (
        "up",
        "onboard",
        "mint-key",
        "mint-token",
        "seed-billing",
        "deliver-bill",
        "run-job",
        "query",
        "jobs",
        "status",
    ):
        assert name in done.stdout


def test_a_command_without_a_running_cloud_says_how_to_start_one(tmp_path: Path) -> None:
    done = run(main, "jobs", "--state-dir", str(tmp_path / "none"))
    assert done.returncode == 1
    assert f"devcloud up --state-dir {tmp_path / 'none'}" in done.stderr


def test_the_command_is_named_as_it_was_called_and_an_error_is_no_traceback(tmp_path: Path) -> None:
    command = [*DEVCLOUD, "jobs", "--state-dir", str(tmp_path / "none")]
    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert f"{Path(sys.executable).name} -m devcloud up --state-dir {tmp_path / 'none'}" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_printed_environment_is_enough_for_the_official_clients(cloud: Devcloud) -> None:
    program = (
        "import os; from google.cloud import bigquery, kms;"
        "b = bigquery.Client();"
        "print(sorted(t.table_id for t in b.list_tables('tenants')));"
        "k = kms.KeyManagementServiceClient(client_options={'api_endpoint': os.environ['KMS_ENDPOINT']});"
        "print([r.name for r in k.list_key_rings(parent='projects/convergence-local/locations/us-central1')])"
    )
    environment = {"PATH": os.environ["PATH"]} | cloud.ready["env"]
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "'tenant_api_keys'" in done.stdout
    assert "keyRings/convergence" in done.stdout


def test_onboard_prints_the_key_once_and_refuses_the_tenant_a_second_time(commands: CommandLine, new_name: str) -> None:
    made = commands.json("onboard", new_name, "--daily-limit", "7", "--json")
    assert made["tenant_id"] == new_name
    assert made["api_key"].startswith(f"{new_name}_api_")

    again = commands.run("onboard", new_name)
    assert again.returncode == 1
    assert "onboarded already" in again.stderr

    other = commands.json("onboard", new_name, "--new-key", "--json")
    assert other["api_key"] != made["api_key"]


@pytest.mark.parametrize("tenant_id", ["tenants", "x_staging", "Acme", "a", "acme-corp"])
def test_an_invalid_tenant_id_is_refused(commands: CommandLine, tenant_id: str) -> None:
    done = commands.run("onboard", tenant_id)
    assert done.returncode == 1
    assert "tenant_id" in done.stderr


def test_a_further_key_needs_a_tenant(commands: CommandLine) -> None:
    done = commands.run("onboard", "nobody_here", "--new-key")
    assert done.returncode == 1
    assert "there is no tenant nobody_here" in done.stderr


def test_a_minted_key_is_a_service_account_of_its_project(commands: CommandLine, cloud: Devcloud) -> None:
    key = commands.json("mint-key", "--project", "acme-gcp")
    assert (key["type"], key["project_id"]) == ("service_account", "acme-gcp")
    assert key["token_uri"] == cloud.ready["env"]["TENANT_TOKEN_URI"]
    assert key["client_email"].endswith("@acme-gcp.iam.gserviceaccount.com")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("mint-key", "--project", "acme-gcp", "--account", "x y"), "x y is not an account's name"),
        (("mint-key", "--project", "Acme GCP"), "Acme GCP is not a project id"),
        (("seed-billing", "--project", "acme-gcp", "--start", "2025-02-30"), "2025-02-30 is not a date"),
        (("seed-billing", "--project", "acme-gcp", "--start", "9999-12-30"), "is not in the years 2008 to 2150"),
        (("seed-billing", "--project", "acme-gcp", "--days", "999999999"), "is more than 3660 days"),
        (("onboard", "acme_corp", "--daily-limit", "0"), "0 is not a positive number"),
        (("deliver-bill", "aws", "--name", "a-name-that-is-too-long"), "is not 2 to 19 of a-z, 0-9 and -"),
    ],
)
def test_an_invalid_argument_is_named(commands: CommandLine, arguments: tuple[str, ...], said: str) -> None:
    done = commands.run(*arguments)
    assert (done.returncode, said in done.stderr) == (2, True)


def test_a_minted_token_opens_the_operators_view_and_no_other_function(commands: CommandLine, cloud: Devcloud) -> None:
    done = commands.run("mint-token", "scheduler_status")
    assert done.returncode == 0, done.stderr
    headers, gateway = {"Authorization": f"Bearer {done.stdout.strip()}"}, cloud.ready["gateway"]
    shown = requests.get(f"{gateway}/api/v1/scheduler/status", headers=headers, timeout=60)
    assert (shown.status_code, "queue" in shown.json()) == (200, True)
    assert requests.post(f"{gateway}/api/v1/scheduler/trigger", headers=headers, timeout=60).status_code == 401
    refused = commands.run("mint-token", "run_pipeline")
    assert (refused.returncode, "run_pipeline takes no token; those that do are" in refused.stderr) == (1, True)


def test_seeding_writes_the_rows_and_their_expected_sums(commands: CommandLine, tmp_path: Path) -> None:
    arguments = ("--project", "acme-gcp", "--start", "2025-11-01", "--days", "3", "--rows-per-day", "20")
    truth = commands.json("seed-billing", *arguments, "--truth", str(tmp_path / "truth.json"))
    assert truth["table"].startswith("acme-gcp.billing.gcp_billing_export_resource_v1_")
    assert json.loads((tmp_path / "truth.json").read_text()) == truth
    assert truth["usage_dates"].keys() == {"2025-11-01", "2025-11-02", "2025-11-03"}
    assert Decimal(truth["total"]) == sum(Decimal(sums["total"]) for sums in truth["invoice_months"].values())


@pytest.mark.parametrize(("cloud_name", "place"), [("aws", "bucket"), ("azure", "storage_account")])
def test_a_delivered_bill_comes_with_its_sums_and_its_credentials(
    commands: CommandLine, tmp_path: Path, cloud_name: str, place: str
) -> None:
    arguments = ("--name", "initech", "--start", "2025-10-31", "--days", "2", "--truth", str(tmp_path / "truth.json"))
    body = commands.json("deliver-bill", cloud_name, *arguments)
    assert body["provider"] == cloud_name.upper()
    assert body["credentials"][place].startswith("initech")
    truth = json.loads((tmp_path / "truth.json").read_text())
    assert truth["billing_periods"].keys() == {"2025-10", "2025-11"}
    assert commands.json("deliver-bill", cloud_name, *arguments) == body


def test_jobs_lists_the_jobs_of_bigquery(commands: CommandLine, new_name: str, cloud: Devcloud) -> None:
    commands.json("onboard", new_name, "--json")
    listed = commands.json("jobs", "--json")
    assert listed == requests.get(f"{cloud.ready['gateway']}/_devcloud/jobs", timeout=10).json()
    assert any("tenants.tenant_profiles" in table for job in listed for table in job["tables"])
    heading, *lines = commands.run("jobs").stdout.splitlines()
    assert heading.split("  ")[0] == "began, UTC"
    assert any(" LOAD " in line and " DONE " in line for line in lines)
    assert [line for line in lines if line != line.rstrip()] == []


def test_a_closed_pipe_ends_the_list_without_a_traceback(commands: CommandLine) -> None:
    listing = '"$0" -m devcloud jobs --json --state-dir "$1" | head -n 1'
    done = subprocess.run(
        ["bash", "-c", listing, sys.executable, str(commands.state_dir)],
        cwd=PROJECT_ROOT, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("[\n", "")


def test_a_query_shows_rows_as_a_table_or_as_json(commands: CommandLine, new_name: str) -> None:
    commands.json("onboard", new_name, "--json")
    columns = "tenant_id, NUMERIC '1.50' AS cost, [1, 2] AS days, CAST(NULL AS STRING) AS nothing"
    asked = f"SELECT {columns} FROM tenant_profiles WHERE tenant_id = '{new_name}'"
    arguments = (asked, "--tenant", "tenants")
    assert commands.json("query", *arguments, "--json") == [
        {"tenant_id": new_name, "cost": "1.5", "days": [1, 2], "nothing": None}
    ]
    assert commands.json("query", "SELECT [IEEE_DIVIDE(0, 0)] AS x", "--json") == [{"x": ["nan"]}]
    row = commands.run("query", *arguments).stdout.splitlines()[3]
    assert [cell.strip() for cell in row.split("│")[1:-1]] == [new_name, "1.5", "[1, 2]", "NULL"]
    refused = commands.run("query", "SELECT nothing FROM tenants.tenant_profiles")
    assert (refused.returncode, "Unrecognized name: nothing" in refused.stderr) == (1, True)


def test_a_scheduled_job_can_be_run_before_its_time(commands: CommandLine) -> None:
    done = commands.run("run-job", "reset-daily-quotas")
    assert done.returncode == 0, done.stderr
    assert "the function answered with success" in done.stdout
    assert "reset_usage" in {job["labels"].get("statement") for job in commands.json("jobs", "--json")}


def test_the_error_for_an_unknown_job_lists_the_known_ones(commands: CommandLine) -> None:
    done = commands.run("run-job", "trigger-happy")
    assert done.returncode == 1
    assert "there is no job trigger-happy; there are" in done.stderr
    assert "process-queue" in done.stderr


def test_status_shows_every_function(commands: CommandLine, cloud: Devcloud) -> None:
    shown = commands.run("status").stdout
    assert "run_pipeline" in shown
    assert cloud.ready["gateway"] in shown
