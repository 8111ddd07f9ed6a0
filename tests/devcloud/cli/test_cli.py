from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests

from devcloud.gateway.instances import PROJECT_ROOT
from devcloud.state import StateDir

Json = dict[str, Any]


@dataclass
class Running:
    """A devcloud in a process of its own."""

    process: subprocess.Popen[str]
    state_dir: Path
    ready: Json

    def run(self, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return devcloud(command, "--state-dir", str(self.state_dir), *arguments)

    def json(self, command: str, *arguments: str) -> Any:
        done = self.run(command, *arguments)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


def devcloud(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "devcloud", *arguments]
    return subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, timeout=60, check=False)


def start(state_dir: Path) -> Running:
    command = [sys.executable, "-m", "devcloud", "up", "--json", "--state-dir", str(state_dir)]
    process = subprocess.Popen(command, cwd=PROJECT_ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return Running(process, state_dir, json.loads(process.stdout.readline()))


def end(running: Running, number: signal.Signals = signal.SIGTERM) -> int:
    running.process.send_signal(number)
    status = running.process.wait(15)
    assert running.process.stdout is not None
    running.process.stdout.close()
    return status


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    started = start(tmp_path_factory.mktemp("cli"))
    yield started
    assert end(started) == 0


def test_help_names_every_command() -> None:
    done = devcloud("--help")
    assert done.returncode == 0
    for name in ("up", "onboard", "mint-key", "mint-token", "seed-billing", "run-job", "query", "jobs", "status"):
        assert name in done.stdout


def test_a_command_without_a_running_cloud_says_how_to_start_one(tmp_path: Path) -> None:
    done = devcloud("jobs", "--state-dir", str(tmp_path / "none"))
    assert done.returncode == 1
    assert f"{Path(sys.executable).name} -m devcloud up --state-dir {tmp_path / 'none'}" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_ready_line_has_what_an_outside_process_needs(running: Running) -> None:
    ready = running.ready
    assert ready.keys() >= {"gateway", "bigquery", "project", "region", "admin_key", "services", "env"}
    assert ready["services"].keys() == {
        "kms", "secret_manager", "tasks", "scheduler", "storage_read", "token_server",
    }  # fmt: skip
    assert Path(ready["env"]["GOOGLE_APPLICATION_CREDENTIALS"]).exists()
    assert len(ready["admin_key"]) >= 32
    assert running.json("status", "--json")["gateway"] == ready["gateway"]


def test_the_environment_is_all_that_the_official_clients_need(running: Running) -> None:
    program = (
        "import os; from google.cloud import bigquery, kms;"
        "b = bigquery.Client();"
        "print(sorted(t.table_id for t in b.list_tables('tenants')));"
        "k = kms.KeyManagementServiceClient(client_options={'api_endpoint': os.environ['KMS_ENDPOINT']});"
        "print([r.name for r in k.list_key_rings(parent='projects/convergence-local/locations/us-central1')])"
    )
    environment = {"PATH": os.environ["PATH"]} | running.ready["env"]
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "'tenant_api_keys'" in done.stdout
    assert "keyRings/convergence" in done.stdout


def test_onboard_prints_the_key_once_and_refuses_the_tenant_a_second_time(running: Running) -> None:
    made = running.json("onboard", "acme_corp", "--daily-limit", "7", "--json")
    assert made["tenant_id"] == "acme_corp"
    assert made["api_key"].startswith("acme_corp_api_")

    again = running.run("onboard", "acme_corp")
    assert again.returncode == 1
    assert "onboarded already" in again.stderr

    other = running.json("onboard", "acme_corp", "--new-key", "--json")
    assert other["api_key"] != made["api_key"]


@pytest.mark.parametrize("tenant_id", ["tenants", "x_staging", "Acme", "a", "acme-corp"])
def test_a_name_that_may_not_be_a_tenant_is_refused(running: Running, tenant_id: str) -> None:
    done = running.run("onboard", tenant_id)
    assert done.returncode == 1
    assert "tenant_id" in done.stderr


def test_a_further_key_needs_a_tenant(running: Running) -> None:
    done = running.run("onboard", "nobody_here", "--new-key")
    assert done.returncode == 1
    assert "there is no tenant nobody_here" in done.stderr


def test_a_minted_key_is_a_service_account_of_its_project(running: Running) -> None:
    key = running.json("mint-key", "--project", "acme-gcp")
    assert (key["type"], key["project_id"]) == ("service_account", "acme-gcp")
    assert key["token_uri"] == running.ready["env"]["TENANT_TOKEN_URI"]
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
    ],
)
def test_an_argument_that_cannot_be_is_named(running: Running, arguments: tuple[str, ...], said: str) -> None:
    done = running.run(*arguments)
    assert (done.returncode, said in done.stderr, "Traceback" in done.stderr) == (2, True, False)


def test_a_minted_token_opens_the_operators_view_and_no_other_function(running: Running) -> None:
    done = running.run("mint-token", "scheduler_status")
    assert done.returncode == 0, done.stderr
    headers, gateway = {"Authorization": f"Bearer {done.stdout.strip()}"}, running.ready["gateway"]
    shown = requests.get(f"{gateway}/api/v1/scheduler/status", headers=headers, timeout=60)
    assert (shown.status_code, "queue" in shown.json()) == (200, True)
    assert requests.post(f"{gateway}/api/v1/scheduler/trigger", headers=headers, timeout=60).status_code == 401
    refused = running.run("mint-token", "run_pipeline")
    assert (refused.returncode, "run_pipeline takes no token; those that do are" in refused.stderr) == (1, True)


def test_seeding_writes_the_rows_and_their_truth(running: Running, tmp_path: Path) -> None:
    arguments = ("--project", "acme-gcp", "--start", "2025-11-01", "--days", "3", "--rows-per-day", "20")
    truth = running.json("seed-billing", *arguments, "--truth", str(tmp_path / "truth.json"))
    assert truth["table"].startswith("acme-gcp.billing.gcp_billing_export_resource_v1_")
    assert json.loads((tmp_path / "truth.json").read_text()) == truth
    assert truth["usage_dates"].keys() == {"2025-11-01", "2025-11-02", "2025-11-03"}
    assert Decimal(truth["total"]) == sum(Decimal(sums["total"]) for sums in truth["invoice_months"].values())


def test_jobs_lists_what_bigquery_was_asked(running: Running) -> None:
    listed = running.json("jobs", "--json")
    assert listed == requests.get(f"{running.ready['gateway']}/_devcloud/jobs", timeout=10).json()
    assert any("tenants.tenant_profiles" in table for job in listed for table in job["tables"])
    heading, *lines = running.run("jobs").stdout.splitlines()
    assert heading.split("  ")[0] == "began, UTC"
    assert any(" LOAD " in line and " DONE " in line for line in lines)
    assert [line for line in lines if line != line.rstrip()] == []


def test_a_reader_that_has_seen_enough_ends_the_list_without_a_traceback(running: Running) -> None:
    listing = f"{sys.executable} -m devcloud jobs --json --state-dir {running.state_dir} | head -n 1"
    done = subprocess.run(
        ["bash", "-c", listing], cwd=PROJECT_ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert (done.stdout, done.stderr) == ("[\n", "")


def test_a_query_shows_rows_as_a_table_or_as_json(running: Running) -> None:
    running.json("onboard", "queried_corp", "--json")
    columns = "tenant_id, NUMERIC '1.50' AS cost, [1, 2] AS days, CAST(NULL AS STRING) AS nothing"
    asked = f"SELECT {columns} FROM tenant_profiles WHERE tenant_id = 'queried_corp'"
    arguments = (asked, "--tenant", "tenants")
    assert running.json("query", *arguments, "--json") == [
        {"tenant_id": "queried_corp", "cost": "1.5", "days": [1, 2], "nothing": None}
    ]
    assert running.json("query", "SELECT [IEEE_DIVIDE(0, 0)] AS x", "--json") == [{"x": ["nan"]}]
    row = running.run("query", *arguments).stdout.splitlines()[3]
    assert [cell.strip() for cell in row.split("│")[1:-1]] == ["queried_corp", "1.5", "[1, 2]", "NULL"]
    refused = running.run("query", "SELECT nothing FROM tenants.tenant_profiles")
    assert (refused.returncode, "Unrecognized name: nothing" in refused.stderr) == (1, True)
    assert "Traceback" not in refused.stderr


def test_a_scheduled_job_runs_ahead_of_its_time(running: Running) -> None:
    done = running.run("run-job", "reset-daily-quotas")
    assert done.returncode == 0, done.stderr
    assert "the function answered with success" in done.stdout
    assert "reset_usage" in {job["labels"].get("statement") for job in running.json("jobs", "--json")}


def test_a_job_that_is_not_there_names_those_that_are(running: Running) -> None:
    done = running.run("run-job", "trigger-happy")
    assert done.returncode == 1
    assert "there is no job trigger-happy; there are" in done.stderr
    assert "process-queue" in done.stderr


def test_status_shows_every_function(running: Running) -> None:
    shown = running.run("status").stdout
    assert "run_pipeline" in shown
    assert running.ready["gateway"] in shown


def test_a_second_up_on_the_same_state_is_refused(running: Running) -> None:
    done = running.run("up")
    assert done.returncode == 1
    assert f"pid {running.process.pid}" in done.stderr


def test_what_was_acknowledged_survives_a_kill_and_the_addresses_stay(tmp_path: Path) -> None:
    first = start(tmp_path)
    key = first.json("mint-key", "--project", "acme-gcp")
    first.json("onboard", "acme_corp", "--json")
    end(first, signal.SIGKILL)

    gone = first.run("status")
    assert gone.returncode == 1
    assert "was killed" in gone.stderr

    second = start(tmp_path)
    try:
        assert second.ready["gateway"] == first.ready["gateway"]
        assert second.ready["admin_key"] == first.ready["admin_key"]
        assert second.ready["env"]["TENANT_TOKEN_URI"] == key["token_uri"]
        assert second.run("onboard", "acme_corp").returncode == 1
    finally:
        assert end(second) == 0


def test_interrupting_stops_quickly_and_leaves_nothing_behind(tmp_path: Path) -> None:
    started = start(tmp_path)
    begun = time.monotonic()
    assert end(started, signal.SIGINT) == 0
    assert time.monotonic() - begun < 10
    assert not (tmp_path / "devcloud.json").exists()
    StateDir(tmp_path).acquire()  # nobody holds it


def test_a_taken_port_is_a_clear_error(running: Running, tmp_path: Path) -> None:
    port = running.ready["gateway"].rpartition(":")[2]
    done = devcloud("up", "--state-dir", str(tmp_path), "--port", port)
    assert done.returncode == 1
    assert f"port {port}" in done.stderr
    assert "Traceback" not in done.stderr
