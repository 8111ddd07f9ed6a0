"""`python -m shared.commands.migrate` on tables of an earlier release, on the local cloud's BigQuery."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from google.cloud import bigquery

from devcloud.clients import warehouse_of
from devcloud.server import Devcloud
from shared.adapters.stores.table_layouts import TableLayouts
from shared.adapters.stores.tenant_datasets import TenantDatasets
from shared.commands.migrate import main
from shared.errors import AccessDenied
from shared.use_cases.migrate_tables import Migration
from tests.support.commands import Said, environment, run
from tests.support.executions import Executions
from tests.support.faults import refused
from tests.support.frontend import Frontend, new_frontend

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "shared.commands.migrate"]
DAY = {"date": "2025-11-16"}
# The columns that these releases have added since a tenant's first tables were made.
ADDED = {
    "x_meta_pipeline_runs": ["source", "backfill_id", "turn", "loaded_until", "dates"],
    "x_meta_step_logs": ["bytes_processed", "slot_millis"],
    "x_meta_publish_fence": ["watermark"],
    "gcp_cost_billing": ["adjustment_info"],
    "focus_cost": ["ServiceProviderName", "x_source_version"],
}
QUEUE = "pipeline_execution_queue"


@dataclass
class Estate:
    """A cloud of its own with three tenants whose tables an earlier release made."""

    cloud: Devcloud
    client: bigquery.Client
    frontends: list[Frontend]
    executions: Executions

    def command(self, *arguments: str) -> Said:
        """The command, run as the person who deploys."""
        with environment(self.environment):
            return run(main, *arguments)

    @property
    def environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], **self.cloud.ready["env"]}

    def make_older(self, dataset: str, table: str, columns: list[str]) -> None:
        """Give a table the shape it had before it got these columns; its rows stay."""
        name = f"{self.cloud.project}.{dataset}.{table}"
        resource = self.client.get_table(name).to_api_repr()
        fields = [field for field in resource["schema"]["fields"] if field["name"] not in columns]
        older = {key: resource[key] for key in ("tableReference", "clustering", "timePartitioning") if key in resource}
        kept = ", ".join(f"`{field['name']}`" for field in fields)
        has_rows = resource["numRows"] != "0"
        if has_rows:
            self.executions.query(f"CREATE TABLE `{name}_kept` AS SELECT {kept} FROM `{name}`")
        self.client.delete_table(name)
        self.client.create_table(bigquery.Table.from_api_repr(older | {"schema": {"fields": fields}}))
        if has_rows:
            self.executions.query(f"INSERT INTO `{name}` ({kept}) SELECT {kept} FROM `{name}_kept`")
            self.client.delete_table(f"{name}_kept")

    def make_all_older(self, *frontends: Frontend) -> None:
        """Do the same with every table that has grown since."""
        for frontend in frontends or self.frontends:
            for table, columns in ADDED.items():
                if frontend.has_table(table):
                    self.make_older(frontend.tenant_id, table, columns)

    def columns(self, dataset: str, table: str) -> set[str]:
        return {field.name for field in self.client.get_table(f"{dataset}.{table}").schema}

    def lacks(self, frontend: Frontend) -> set[str]:
        """The columns that the tenant's tables lack."""
        return {
            f"{table}.{column}"
            for table, columns in ADDED.items()
            if frontend.has_table(table)
            for column in set(columns) - self.columns(frontend.tenant_id, table)
        }


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    with Devcloud(tmp_path_factory.mktemp("cloud"), schedules=False) as cloud, cloud.clients() as clients:
        client = clients.bigquery()
        frontends = [new_frontend(cloud, client) for _ in range(3)]
        yield Estate(cloud, client, frontends, Executions(cloud, client))


@pytest.fixture
def first(estate: Estate) -> Frontend:
    """A tenant with a published day. Its tables are up to date before and after each test."""
    first = estate.frontends[0]
    estate.executions.prepare(first.tenant)
    if not first.has_table("gcp_cost_billing"):
        estate.executions.run(first.tenant, DAY)
    for other in estate.frontends[1:]:
        if not other.has_table("x_meta_step_logs"):
            other.store_keyless()
    return first


def test_a_run_fails_on_older_tables_and_passes_once_they_have_grown(estate: Estate, first: Frontend) -> None:
    rows = {table: len(first.own(table)) for table in ADDED}
    assert all(rows.values())
    estate.make_all_older()
    lacked = estate.lacks(first)
    assert lacked == {f"{table}.{column}" for table, columns in ADDED.items() for column in columns}

    failing = estate.executions.admit(first.tenant, DAY)
    assert estate.executions.deliver(failing) == "FAILED"
    assert "it expects" in estate.executions.error_of(failing)
    assert first.api.get(first.runs_path).status_code >= 500

    counted = estate.command("--dry-run")
    assert counted.returncode == 0, counted.stderr
    assert estate.lacks(first) == lacked
    done = estate.command()
    assert done.returncode == 0, done.stdout + done.stderr
    for said in counted.stdout, done.stdout:
        assert f"{first.tenant_id}.x_meta_step_logs: add bytes_processed INTEGER NULLABLE" in said
    assert [estate.lacks(frontend) for frontend in estate.frontends] == [set()] * 3
    assert {table: len(first.own(table)) for table in ADDED} == rows

    estate.executions.run(first.tenant, DAY)
    assert first.api.get(first.runs_path).status_code == 200
    again = estate.command()
    assert (again.returncode, "nothing to do" in again.stdout, "done:" in again.stdout) == (0, True, False)


def test_the_platforms_tables_grow_and_its_missing_ones_are_left_to_terraform(estate: Estate, first: Frontend) -> None:
    estate.make_older("tenants", QUEUE, ["backfill_id"])
    estate.client.delete_table("tenants.tenant_usage_history")
    assert first.run().status_code >= 500
    done = estate.command()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "tenants.tenant_usage_history: missing; Terraform makes it" in done.stdout
    assert f"done: tenants.{QUEUE}" in done.stdout
    assert first.run().status_code == 202


def test_no_table_is_changed_if_one_cannot_be_changed(estate: Estate, first: Frontend) -> None:
    estate.make_all_older()
    lacked = [estate.lacks(frontend) for frontend in estate.frontends]
    odd = f"{estate.frontends[2].tenant_id}.x_meta_restatements"
    estate.client.delete_table(odd)
    estate.executions.query(f"CREATE TABLE {odd} (pipeline_logging_id STRING NOT NULL, rows_before STRING)")
    stopped = estate.command()
    assert stopped.returncode == 1
    assert f"refused: {odd}: rows_before: wanted INTEGER NULLABLE, found STRING NULLABLE" in stopped.stdout
    assert "Nothing is changed." in stopped.stdout
    assert [estate.lacks(frontend) for frontend in estate.frontends] == lacked

    done = json.loads(estate.command("--json", "--tenant", first.tenant_id).stdout)  # and no more than the tenant's own
    changes = {change["table"]: change["changes"] for change in done["due"] if change["table"] in done["done"]}
    assert "add bytes_processed INTEGER NULLABLE" in changes[f"{first.tenant_id}.x_meta_step_logs"]
    assert [estate.lacks(frontend) for frontend in estate.frontends] == [set(), *lacked[1:]]
    estate.client.delete_table(odd)
    assert estate.command().returncode == 0
    assert estate.client.get_table(odd).num_rows == 0


def test_unknown_columns_keep_their_values(estate: Estate, first: Frontend) -> None:
    name = f"{first.tenant_id}.x_meta_dq_results"
    estate.executions.query(f"ALTER TABLE {name} ADD COLUMN of_their_own STRING")
    estate.executions.query(f"UPDATE {name} SET of_their_own = 'kept' WHERE TRUE")
    done = estate.command()
    assert (done.returncode, f"stays, unknown to configs/tables: {name}.of_their_own" in done.stdout) == (0, True)
    assert {row["of_their_own"] for row in first.own("x_meta_dq_results")} == {"kept"}


def test_a_killed_migration_leaves_no_table_half_changed_and_the_next_one_completes_it(
    estate: Estate, first: Frontend
) -> None:
    estate.make_all_older()
    with subprocess.Popen(COMMAND, cwd=ROOT, env=estate.environment, stdout=subprocess.PIPE, text=True) as cut_off:
        assert cut_off.stdout
        assert any(line.startswith("done:") for line in iter(cut_off.stdout.readline, ""))
        cut_off.kill()
    for frontend in estate.frontends:
        missing = [column.partition(".")[0] for column in estate.lacks(frontend)]
        assert all(missing.count(table) in (0, len(columns)) for table, columns in ADDED.items())
    assert estate.command().returncode == 0
    assert [estate.lacks(frontend) for frontend in estate.frontends] == [set()] * 3


def test_a_column_that_somebody_else_adds_meanwhile_is_kept(estate: Estate, first: Frontend) -> None:
    estate.make_all_older(first)
    layouts = TableLayouts(warehouse_of(estate.client))
    due = [change for change in layouts.compare_tenant(first.tenant_id) if change.is_due]
    estate.executions.query(f"ALTER TABLE {first.tenant_id}.x_meta_step_logs ADD COLUMN slot_millis INT64")
    estate.executions.query(f"ALTER TABLE {first.tenant_id}.x_meta_step_logs ADD COLUMN theirs STRING")
    for change in due:
        layouts.carry_out(change)
    assert estate.lacks(first) == set()
    assert "theirs" in estate.columns(first.tenant_id, "x_meta_step_logs")


def test_a_dataset_that_cannot_be_changed_does_not_prevent_the_change_of_the_others(
    estate: Estate, first: Frontend
) -> None:
    gone = new_frontend(estate.cloud, estate.client)
    gone.store_keyless()
    estate.make_all_older(first, gone)
    migration, reported = Migration(warehouse_of(estate.client)), list[tuple[int, int]]()
    plan = migration.plan(progress=lambda *counts: reported.append(counts))
    assert reported == [(number, 4) for number in range(1, 5)]
    estate.client.delete_dataset(gone.tenant_id, delete_contents=True)
    failed = {change.dataset for change, error in migration.carry_out(plan) if error}
    assert (failed, estate.lacks(first)) == ({gone.tenant_id}, set())


def test_a_tenant_that_stores_its_credential_again_has_its_tables_brought_up_to_date(
    estate: Estate, first: Frontend
) -> None:
    estate.make_all_older(first)
    answer = first.store(first.tenant.gcp_credentials)
    assert (answer.status_code, answer.json()["tables_created"]) == (200, [])
    assert estate.lacks(first) == set()
    estate.executions.run(first.tenant, DAY)


def test_a_table_that_cannot_be_changed_is_logged_for_the_operator_and_the_credential_is_stored(
    estate: Estate, first: Frontend
) -> None:
    odd = f"{first.tenant_id}.gcp_cost_daily_by_service"
    estate.executions.query(f"CREATE TABLE {odd} (tenant_id INT64)")
    estate.make_all_older(first)
    assert first.store(first.tenant.gcp_credentials).status_code == 200
    estate.client.delete_table(odd)
    assert estate.lacks(first) == set()
    logged = (estate.cloud.state.path / "logs" / "setup_credentials.log").read_text(encoding="utf-8")
    (entry,) = [json.loads(line) for line in logged.splitlines() if "table cannot be changed in place" in line]
    assert (entry["severity"], entry["table"]) == ("ERROR", "gcp_cost_daily_by_service")


def test_a_table_that_may_not_be_changed_prevents_neither_other_changes_nor_the_credential(
    estate: Estate, first: Frontend
) -> None:
    estate.make_all_older(first)
    datasets = TenantDatasets(warehouse_of(estate.client), writers=[])
    with refused(estate.client, "PATCH", "/x_meta_step_logs"):
        preparation = datasets.prepare(first.tenant_id)
    (left,) = preparation.tables_refused
    assert (left.table, preparation.tables_created) == ("x_meta_step_logs", [])
    assert "Access Denied: not for you" in left.reasons[0]
    assert {column.partition(".")[0] for column in estate.lacks(first)} == {"x_meta_step_logs"}

    estate.client.delete_table(f"{first.tenant_id}.x_meta_dq_results")
    with refused(estate.client, "POST", "/tables"), pytest.raises(AccessDenied):  # without it no run would be logged
        datasets.prepare(first.tenant_id)
    assert datasets.prepare(first.tenant_id).tables_created == ["x_meta_dq_results"]
    assert estate.lacks(first) == set()


def test_a_platform_that_has_no_dataset_yet_leaves_all_tables_to_terraform(tmp_path: Path) -> None:
    with Devcloud(tmp_path, schedules=False) as cloud, cloud.clients() as clients:
        client = clients.bigquery()
        client.delete_dataset("tenants", delete_contents=True)
        estate = Estate(cloud, client, [], Executions(cloud, client))
        for arguments in ["--dry-run"], []:
            done = estate.command(*arguments)
            assert done.returncode == 0, done.stderr
            assert f"tenants.{QUEUE}: missing; Terraform makes it" in done.stdout
            assert done.stdout.endswith("nothing to do\n")


def test_missing_settings_are_named(estate: Estate) -> None:
    unknown = estate.command("--tenant", "nobody", "--tenant", "tenants")
    assert unknown.returncode == 2
    assert "No dataset with the label convergence:tenant is named nobody, tenants." in unknown.stderr
    with environment({"PROJECT_ID": "p"}):
        stopped = run(main)
    assert (stopped.returncode, "BIGQUERY_LOCATION" in stopped.stderr) == (2, True)


def test_a_local_cloud_of_an_earlier_version_is_brought_up_to_date_when_it_starts(tmp_path: Path) -> None:
    for is_older in (True, False):
        with Devcloud(tmp_path, schedules=False) as cloud, cloud.clients() as clients:
            client = clients.bigquery()
            queue = client.get_table(f"tenants.{QUEUE}")
            assert "backfill_id" in {field.name for field in queue.schema}
            if is_older:
                client.delete_table(queue)
                older = [field for field in queue.schema if field.name != "backfill_id"]
                client.create_table(bigquery.Table(queue.reference, schema=older))
