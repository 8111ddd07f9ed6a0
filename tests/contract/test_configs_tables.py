"""The files of configs/tables, which Terraform, devcloud, the runtime and the docs read, are consistent."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from shared.configuration.templates import all_templates

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
EXPECTED = {
    "tenants": {
        "alert_events",
        "alert_rules",
        "dispatcher_state",
        "pipeline_execution_queue",
        "pipeline_run_events",
        "scheduled_pipeline_runs",
        "scheduler_job_runs",
        "tenant_api_keys",
        "tenant_cloud_credentials",
        "tenant_pipeline_configs",
        "tenant_profiles",
        "tenant_subscriptions",
        "tenant_usage_history",
        "tenant_usage_quotas",
    },
    "tenant_dataset": {
        "aws_cost_billing",
        "azure_cost_billing",
        "focus_billing_period",
        "focus_cost",
        "focus_cost_daily",
        "focus_cost_file",
        "gcp_cost_billing",
        "x_meta_dq_results",
        "x_meta_pipeline_runs",
        "x_meta_publish_fence",
        "x_meta_restatements",
        "x_meta_exchange_rates",
        "x_meta_virtual_tags",
        "x_meta_step_logs",
    },
}
TABLE_KEYS = {
    "table",
    "description",
    "partition",
    "clustering",
    "key",
    "appended_by",
    "mutated_by",
    "read_by",
    "removed_by",
    "columns",
}
COLUMN_KEYS = {"name", "type", "mode", "description", "fields"}
SCALARS = {"STRING", "INTEGER", "FLOAT", "NUMERIC", "BOOLEAN", "TIMESTAMP", "DATE", "JSON", "BYTES"}
CLUSTERABLE = {"STRING", "INTEGER", "NUMERIC", "BOOLEAN", "TIMESTAMP", "DATE"}
MONEY = re.compile(r"(^|_)(cost|price)($|_)|Cost$|Price$")
OUTSIDE_WRITERS = {"subscription_system", "operator", "terraform"}

Table = dict[str, Any]
Column = dict[str, Any]
PATHS = sorted(path for path in (CONFIGS / "tables").glob("*/*.yml") if path.parent.name != "tenant_views")


@pytest.fixture(params=PATHS, ids=lambda path: f"{path.parent.name}.{path.stem}")
def path(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


@pytest.fixture
def table(path: Path) -> Table:
    loaded: Table = read(path)
    return loaded


@cache
def read(path: Path) -> Any:
    """The content of a file. Tests only read it."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def walk(columns: list[Column]) -> Iterator[Column]:
    for column in columns:
        yield column
        yield from walk(column.get("fields", []))


def functions() -> set[str]:
    return set(read(CONFIGS / "platform.yml")["functions"])


def found(group: str) -> set[str]:
    return {path.stem for path in PATHS if path.parent.name == group}


def test_every_table_of_the_data_model_has_a_file() -> None:
    assert [(group, names - found(group)) for group, names in EXPECTED.items() if not names <= found(group)] == []
    assert {path.parent.name for path in PATHS} == set(EXPECTED)


def test_every_other_table_is_published_by_a_template() -> None:
    published = {target.table for template in all_templates() for target in template.publish}
    assert found("tenants") == EXPECTED["tenants"]
    assert found("tenant_dataset") <= EXPECTED["tenant_dataset"] | published


def test_file_is_named_after_its_table(path: Path, table: Table) -> None:
    assert table["table"] == path.stem


def test_no_unknown_key(table: Table) -> None:
    assert set(table) <= TABLE_KEYS
    for column in walk(table["columns"]):
        assert set(column) <= COLUMN_KEYS, column


def test_column_names_are_legal_and_unique_without_regard_to_case(table: Table) -> None:
    check_names(table["columns"])


def check_names(columns: list[Column]) -> None:
    names = [column["name"] for column in columns]
    assert all(re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,299}", name) for name in names), names
    assert len({name.lower() for name in names}) == len(names), names
    for column in columns:
        check_names(column.get("fields", []))


def test_types_and_modes_are_bigquerys(table: Table) -> None:
    for column in walk(table["columns"]):
        assert column["type"] in SCALARS | {"RECORD"}, column
        assert (column["type"] == "RECORD") == bool(column.get("fields")), column
        assert column.get("mode", "NULLABLE") in {"NULLABLE", "REQUIRED", "REPEATED"}, column


def test_money_is_numeric(table: Table) -> None:
    for column in walk(table["columns"]):
        if MONEY.search(column["name"]) and column["type"] in {"FLOAT", "INTEGER"}:
            pytest.fail(f"{column['name']} is money and {column['type']}")


def test_everything_is_described_briefly(table: Table) -> None:
    for described in [table, *walk(table["columns"])]:
        assert 3 <= len(described["description"]) <= 1024, described.get("name")


def test_clustering_names_up_to_four_plain_columns(table: Table) -> None:
    columns = {column["name"]: column for column in table["columns"]}
    clustering = table.get("clustering", [])
    assert len(clustering) <= 4
    for name in clustering:
        assert columns[name]["type"] in CLUSTERABLE
        assert columns[name].get("mode") != "REPEATED"


def test_partition_is_by_a_required_time_column(table: Table) -> None:
    if partition := table.get("partition"):
        assert set(partition) <= {"column", "granularity", "expiration_days"}
        column = next(column for column in table["columns"] if column["name"] == partition["column"])
        assert column["type"] in {"DATE", "TIMESTAMP"}
        assert column["mode"] == "REQUIRED"
        assert partition["granularity"] in {"DAY", "MONTH"}
        assert partition.get("expiration_days", 1) > 0


def test_key_names_columns(table: Table) -> None:
    assert set(table.get("key", [])) <= {column["name"] for column in table["columns"]}


def test_writers_are_functions_of_the_platform_or_known_other_systems(table: Table) -> None:
    known = functions() | OUTSIDE_WRITERS
    assert table["appended_by"], "a table nobody fills"
    for append in table["appended_by"]:
        assert set(append) == {"function", "how"}
        assert append["function"] in known
        assert append["how"] in {"dml", "stream", "load"}
    assert set(table.get("mutated_by", []) + table.get("removed_by", []) + table.get("read_by", [])) <= known


def test_streamed_tables_are_never_mutated(table: Table) -> None:
    """Rows that were streamed cannot be updated or deleted for about half an hour."""
    if any(append["how"] == "stream" for append in table["appended_by"]):
        assert not table.get("mutated_by")
        assert not table.get("removed_by")


def test_tenant_tables_are_never_streamed_into(path: Path, table: Table) -> None:
    """A tenant's table may be only minutes old, and rows that are streamed into a new table can be lost."""
    if path.parent.name == "tenant_dataset":
        assert all(append["how"] != "stream" for append in table["appended_by"])


@pytest.mark.parametrize("name", sorted(name for name in found("tenant_dataset") if not name.startswith("x_meta_")))
def test_published_rows_say_where_they_come_from(name: str) -> None:
    table = read(CONFIGS / "tables" / "tenant_dataset" / f"{name}.yml")
    required = {column["name"] for column in table["columns"] if column.get("mode") == "REQUIRED"}
    assert {"x_source", "x_pipeline_logging_id", "x_ingested_at"} <= required


def test_focus_cost_has_the_67_columns_of_three_versions_and_otherwise_only_custom_ones() -> None:
    table = read(CONFIGS / "tables" / "tenant_dataset" / "focus_cost.yml")
    names = [column["name"] for column in table["columns"]]
    assert len([name for name in names if not name.startswith("x_")]) == 67
