"""`python -m convergence`: each command's answer, its exit status, and what it says when it cannot."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.cloud import bigquery

from convergence.app import main
from convergence.runs import await_end
from devcloud.clients import warehouse_of
from devcloud.server import Devcloud
from shared.adapters.stores.tenant_tables import make_table
from shared.configuration.tables import get_table
from tests.conftest import MakeFrontend
from tests.support.commands import Said, environment, run
from tests.support.frontend import Frontend
from tests.support.shell_blocks import ROOT
from tests.support.tenant_rows import charge, load, restatement

RUNBOOK = ROOT / "docs" / "runbook" / "README.md"
EXPORT = "billing_export_table=acme-gcp.billing.export"


@pytest.fixture(scope="module")
def owner(make_frontend: MakeFrontend, bigquery_client: bigquery.Client) -> Iterator[Frontend]:
    """A tenant with a credential, two charges and a restatement."""
    frontend = make_frontend()
    frontend.store_keyless()
    make_table(warehouse_of(bigquery_client), frontend.tenant_id, get_table("tenant_dataset", "focus_cost"))
    charges = [
        charge("2025-11-15", BilledCost="1234.5", ServiceName="BigQuery [red]"),
        charge("2025-11-16", BilledCost="0.25", ServiceName="Storage"),
    ]
    load(bigquery_client, f"{frontend.tenant_id}.focus_cost", charges)
    changes = [restatement("2025-11-20T00:00:00Z", cost_before="9", cost_after="8.5")]
    load(bigquery_client, f"{frontend.tenant_id}.x_meta_restatements", changes)
    yield frontend
    frontend.api.session.close()


def command(frontend: Frontend, *arguments: str, **settings: str) -> Said:
    given = {"CONVERGENCE_URL": frontend.api.url, "CONVERGENCE_API_KEY": frontend.tenant.api_key, "COLUMNS": "160"}
    with environment({"PATH": os.environ["PATH"], **given, **settings}):
        return run(main, *arguments)


def answer(frontend: Frontend, *arguments: str) -> Any:
    said = command(frontend, *arguments, "--json")
    assert said.returncode == 0, said.stderr
    return json.loads(said.stdout)


def test_costs_are_a_table_by_group_with_its_total_and_how_far_it_reaches(owner: Frontend) -> None:
    said = command(owner, "costs", "--from", "2025-11-15", "--to", "2025-11-16")
    assert said.returncode == 0, said.stderr
    lines = said.stdout.splitlines()
    assert lines[0] == "billed cost from 2025-11-15 to 2025-11-16 (UTC days)"
    assert "USD 1,234.75" in lines
    assert [line.split("  ")[0] for line in lines if ".50" in line or ".25" in line] == ["BigQuery [red]", "Storage"]
    assert lines[-1] == "Google Cloud: data until 2025-11-16, nothing final yet"


def test_costs_by_day(owner: Frontend) -> None:
    said = command(owner, "costs", "--from", "2025-11-15", "--to", "2025-11-16", "--granularity", "day")
    assert [line.split()[-2:] for line in said.stdout.splitlines() if "2025" in line][1:3] == [
        ["2025-11-15", "1,234.50"],
        ["2025-11-16", "0.25"],
    ]


def test_costs_in_another_currency_need_its_rate(owner: Frontend) -> None:
    said = command(owner, "costs", "--from", "2025-11-15", "--to", "2025-11-16", "--currency", "EUR")
    assert (said.returncode, "needs the rate from USD to EUR of 2025-11" in said.stderr) == (1, True)


def test_days_without_costs_say_so(owner: Frontend) -> None:
    assert "There are no costs of these days." in command(owner, "costs", "--days", "1").stdout


def test_restatements_name_the_run_and_the_change(owner: Frontend) -> None:
    (row,) = answer(owner, "restatements")["restatements"]
    assert (row["billed_cost_change"], row["pipeline_logging_id"]) == ("-0.5", "run")
    assert "2025-11-15   USD" in command(owner, "restatements", "--day", "2025-11-15").stdout


def test_pipelines_are_listed_with_their_parameters(owner: Frontend) -> None:
    lines = [line.split() for line in command(owner, "pipelines").stdout.splitlines()]
    assert ["gcp-cost-billing", "GCP", "day", "400", "optional", "focus_cost,", "gcp_cost_billing"] in lines
    late = ["gcp-cost-billing", "late_hours", "integer", "from", "0", "to", "8784", "72"]
    assert [line for line in lines if line[: len(late)] == late]
    assert "gcp-cost-billing" in {each["pipeline_id"] for each in answer(owner, "pipelines")["pipelines"]}


def test_a_virtual_tag_is_set_from_a_file_listed_and_removed(owner: Frontend, tmp_path: Path) -> None:
    file = tmp_path / "rules.json"
    file.write_text(json.dumps({"default": "Other", "rules": [
        {"value": "Production", "when": [{"property": "tag:env", "values": ["prod", "live"]}]}]}))  # fmt: skip
    said = command(owner, "tags", "set", "environment", str(file))
    assert (said.returncode, said.stdout) == (0, "environment is set; costs --by virtual:environment groups by it\n")
    shown = [" ".join(line.split()) for line in command(owner, "tags", "list").stdout.splitlines()]
    assert [line[: -len(" 2025-11-18 09:30:00")] for line in shown if line.startswith("environment")] == [
        "environment Production tag:env equals prod or live",
        "environment Other (no rule matches)",
    ]
    assert answer(owner, "tags", "remove", "environment") == {"name": "environment", "status": "DELETED"}
    again = command(owner, "tags", "remove", "environment")
    assert (again.returncode, again.stdout) == (1, "")
    file.write_text("[]")
    assert command(owner, "tags", "set", "environment", str(file)).returncode == 2
    file.write_text("{")
    assert "is not JSON" in command(owner, "tags", "set", "environment", str(file)).stderr


def test_rates_are_set_once_for_a_month_that_has_ended(owner: Frontend, bigquery_client: bigquery.Client) -> None:
    said = command(owner, "rates", "set", "2025-09", "EUR", "USD=0.86", "GBP=1.149")
    assert said.stdout.splitlines() == ["1 USD of 2025-09 is 0.86 EUR", "1 GBP of 2025-09 is 1.149 EUR"], said.stderr
    assert {rate["from_currency"]: rate["rate"] for rate in answer(owner, "rates", "list")["rates"]} == {
        "GBP": "1.149",
        "USD": "0.86",
    }
    lines = command(owner, "rates", "list").stdout.splitlines()
    assert ["2025-09", "USD", "EUR", "0.86"] in [line.split()[:4] for line in lines]
    assert command(owner, "rates", "set", "2025-09", "EUR", "USD=0.87").returncode == 1
    (statement,) = re.findall(r"```sql\n(DELETE FROM `PROJECT[^;]*?)```", RUNBOOK.read_text(encoding="utf-8"))
    bigquery_client.query_and_wait(statement.replace("PROJECT.acme_corp", owner.tenant_id))
    assert command(owner, "rates", "set", "2025-09", "EUR", "USD=0.87").returncode == 0
    assert command(owner, "rates", "set", "2025-09", "EUR", "GBP=1.15").returncode == 1


def test_a_run_is_started_listed_shown_and_cancelled(owner: Frontend) -> None:
    start = ("runs", "start", "gcp/cost/billing", "--date", "2025-11-17")
    refused = command(owner, *start)
    assert (refused.returncode, "billing_export_table" in refused.stderr) == (1, True)  # the credential names none

    started = answer(owner, *start, "--set", EXPORT)["pipeline_logging_id"]
    listed = answer(owner, "runs", "list", "--limit", "1")
    assert listed["next_page_token"] is None
    assert [run["pipeline_logging_id"] for run in listed["runs"]] == [started]
    assert started in command(owner, "runs", "list", "--pipeline", "gcp/cost/billing").stdout
    assert command(owner, "runs", "show", started).stdout.startswith(f"{started}  gcp-cost-billing  ")
    waited = command(owner, "runs", "wait", started, "--timeout", "1")
    assert (waited.returncode, "has not ended after 1 seconds" in waited.stderr) == (1, True)
    again = command(owner, "runs", "retry", started)
    assert (again.returncode, "has not ended yet" in again.stderr) == (1, True)
    assert "Cancellation requested" in command(owner, "runs", "cancel", started).stdout
    assert answer(owner, "usage")["waiting"] == 1
    assert "runs, until" in command(owner, "usage").stdout


def test_waiting_looks_until_the_run_has_ended_or_the_time_is_over() -> None:
    now, looks = [0.0], iter([{"status": "PENDING"}, {"status": "RUNNING"}, {"status": "FAILED"}])

    def pause(seconds: float) -> None:
        now[0] += seconds

    assert await_end(lambda: next(looks), 60, clock=lambda: now[0], pause=pause) == {"status": "FAILED"}
    assert now == [10.0]
    assert await_end(lambda: {"status": "RUNNING"}, 12, clock=lambda: now[0], pause=pause) is None
    assert now == [22.0]


def test_a_backfill_is_previewed(owner: Frontend) -> None:
    months = ("--from", "2025-10-01", "--to", "2025-11-17", "--set", EXPORT, "--preview")
    said = command(owner, "runs", "backfill", "gcp-cost-billing", *months)
    assert said.returncode == 0, said.stderr
    assert [line.split()[:2] for line in said.stdout.splitlines() if line.startswith("2025")] == [
        ["2025-11-01", "2025-11-17"],
        ["2025-10-01", "2025-10-31"],
    ]


def test_a_schedule_is_created_previewed_paused_resumed_and_removed(owner: Frontend) -> None:
    create = ("schedules", "create", "gcp/cost/billing", "0 2 * * *", "--timezone", "Europe/Berlin", "--set", EXPORT)
    assert len(answer(owner, *create, "--preview")["fire_times"]) > 1
    assert answer(owner, "schedules", "list")["pipelines"] == []
    made = command(owner, *create)
    assert made.returncode == 0, made.stderr
    schedule = made.stdout.split()[0]
    assert "0 2 * * * in Europe/Berlin: " in made.stdout
    assert len([line for line in made.stdout.splitlines() if "T02:00:00+0" in line]) == 5
    assert f"Schedule {schedule} runs the same pipeline" in command(owner, *create, "--preview").stdout
    listed = owner.api.get(f"/api/v1/scheduler/customer/{owner.tenant_id}/pipelines").json()
    assert answer(owner, "schedules", "list") == listed
    assert [row["config_id"] for row in listed["pipelines"]] == [schedule]
    assert len(answer(owner, "schedules", "preview", schedule, "--count", "3")["fire_times"]) == 3
    assert command(owner, "schedules", "pause", schedule).stdout == f"{schedule} is paused\n"
    assert "paused" in command(owner, "schedules", "list").stdout
    assert command(owner, "schedules", "resume", schedule).stdout.startswith(f"{schedule} is active; it fires next at ")
    said = command(owner, "schedules", "remove", schedule)
    assert said.stdout == f"{schedule} is removed; waiting runs cancelled: 0\n", said.stderr
    assert command(owner, "schedules", "remove", schedule).returncode == 1


def test_credentials_are_listed_and_the_setup_is_printed(owner: Frontend) -> None:
    assert [row["provider"] for row in answer(owner, "credentials", "list")["credentials"]] == ["GCP"]
    assert "impersonat" in command(owner, "credentials", "list").stdout
    assert owner.tenant_id in command(owner, "credentials", "setup", "aws").stdout


def test_the_tenant_is_the_one_of_the_key_unless_it_is_given(owner: Frontend, shared_frontend: Frontend) -> None:
    said = command(owner, "usage", "--tenant", shared_frontend.tenant_id)
    assert (said.returncode, said.stderr) == (1, "The API key belongs to another tenant.\n")


@pytest.mark.parametrize(
    ("settings", "status", "says"),
    [
        ({"CONVERGENCE_URL": ""}, 2, "Set CONVERGENCE_URL"),
        ({"CONVERGENCE_URL": "example.com"}, 2, "must begin with https://"),
        ({"CONVERGENCE_URL": "http://example.com"}, 2, "http:// would send the key in clear"),
        ({"CONVERGENCE_URL": "http://localhost.example.com"}, 2, "in clear"),
        ({"CONVERGENCE_URL": "http://localhost@example.com"}, 2, "in clear"),
        ({"CONVERGENCE_URL": "http://example.com\\@127.0.0.1"}, 2, "in clear"),
        ({"CONVERGENCE_URL": "http://127.0.0.1:x"}, 2, "in clear"),
        ({"CONVERGENCE_API_KEY": ""}, 2, "Set CONVERGENCE_API_KEY"),
        ({"CONVERGENCE_API_KEY": "secret"}, 2, "is not an API key"),
        ({"CONVERGENCE_URL": "http://127.0.0.1:1"}, 3, "does not answer"),
    ],
)
def test_a_command_that_cannot_start_says_the_way_out(
    owner: Frontend, settings: dict[str, str], status: int, says: str
) -> None:
    said = command(owner, "usage", **settings)
    assert (said.returncode, said.stdout, says in said.stderr) == (status, "", True)
    assert "secret" not in said.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("costs", "--days", "many"),
        ("costs", "--to", "yesterday"),
        ("runs", "start", "billing"),
        ("schedules", "create", "billing", "0 2 * * *"),
        ("runs", "start", "a/b/c", "--set", "x"),
        ("tags", "set", "environment", "no_such_file.json"),
        ("rates", "set", "2025-09", "EUR", "USD"),
        ("dance",),
    ],
)
def test_a_wrong_option_is_status_2_and_no_request(owner: Frontend, arguments: tuple[str, ...]) -> None:
    assert command(owner, *arguments).returncode == 2


def test_an_operator_sees_the_status_and_reaches_the_other_commands(cloud: Devcloud, owner: Frontend) -> None:
    settings = {"PATH": os.environ["PATH"], "COLUMNS": "160", **cloud.ready["env"]}
    with environment(settings):
        said = run(main, "status")
        shown = run(main, "tenants", "show", owner.tenant_id)
        checked = run(main, "templates", "validate")
    # gRPC reads the authority of devcloud's certificates once in a process, so Cloud KMS is asked from another one.
    reencrypt = [sys.executable, "-m", "convergence", "credentials", "reencrypt", "--dry-run"]
    counted = subprocess.run(reencrypt, cwd=ROOT, env=settings, capture_output=True, text=True, check=False)
    assert said.stdout.startswith("as of ")
    assert "process_queue" in said.stdout
    assert (shown.returncode, owner.tenant_id in shown.stdout) == (0, True)
    assert checked.returncode == 0
    assert (counted.returncode, counted.stderr) == (0, "")
    with environment({"PATH": os.environ["PATH"]}):
        refused = run(main, "status")
        unset = run(main, "credentials", "reencrypt")
    assert (unset.returncode, "set these in the environment" in unset.stderr) == (2, True)
    assert (refused.returncode, refused.stderr) == (2, "set these in the environment: PROJECT_ID, BIGQUERY_LOCATION\n")
