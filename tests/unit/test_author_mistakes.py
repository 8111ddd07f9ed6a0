"""`validate` and `explain` report an author's mistakes in tables and published columns."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from shared.authoring.cli import main
from shared.configuration import tables
from shared.configuration.platform_config import CONFIGS
from tests.support.template_copies import copied_below, printed_by, replaced

SHOWN = "configs/gcp/cost/daily_by_service"
TABLE = "gcp_cost_daily_by_service"


@pytest.fixture
def template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of a template, its SQL and all tables, which the product reads, under the current directory's configs/."""
    monkeypatch.chdir(tmp_path)
    path = copied_below(tmp_path)
    shutil.copytree(CONFIGS / "tables", tmp_path / "configs" / "tables")
    monkeypatch.setattr(tables, "CONFIGS", tmp_path / "configs")
    return path


def problems(capsys: pytest.CaptureFixture[str], path: Path) -> list[str]:
    return printed_by(main, ["validate", str(path)], capsys)


def table_of(template: Path) -> Path:
    return template.parents[2] / "tables" / "tenant_dataset" / f"{TABLE}.yml"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("{name: cost, type: NUMERIC", "{name: cost, type: NUMBER", "columns.5.type: NUMBER is none of BIGNUMERIC, "),
        ("{name: cost, type: NUMERIC", "{name: cost, type: FLOAT64", "columns.5.type: FLOAT64 is written FLOAT here"),
        ("{name: cost, type", "{name: Currency, type", "columns.5.name: two columns are called Currency"),
        ("{name: cost, type: NUMERIC", "{name: cost, type: RECORD", "columns.5: a RECORD has fields, and no other"),
        ("{column: usage_date,", "{column: usage_dat,", "partition.column: usage_dat is no column of type DATE, "),
        ("clustering: [x_source]", "clustering: [x_sauce]", "clustering.0: there is no column x_sauce"),
    ],
)
def test_a_mistake_in_a_table_is_reported_with_its_line(
    template: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, message: str
) -> None:
    line = replaced(table_of(template), old, new)
    found = problems(capsys, template)
    assert [problem for problem in found if problem.startswith(f"{TABLE}.yml:{line}: {message}")], found


@pytest.mark.parametrize("name", ["x_source", "x_pipeline_logging_id", "x_ingested_at"])
def test_a_published_table_without_a_required_column_is_reported(
    template: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    replaced(table_of(template), f"name: {name}", f"name: other_{name}")
    if name == "x_source":
        replaced(table_of(template), "clustering: [x_source]", "clustering: []")
    replaced(template.with_suffix(".sql"), f"AS {name}", f"AS other_{name}")
    (problem,) = problems(capsys, template)
    assert f"publish.0.table: {TABLE} has no column {name}; a published table needs {name}, a " in problem


def test_a_step_whose_rows_do_not_fit_its_table_is_reported(template: Path, capsys: pytest.CaptureFixture[str]) -> None:
    replaced(template, f"- {{table: {TABLE}", "- {table: gcp_cost_monthly_by_service")
    replaced(template, "usage_date, billed: billed", "usage_month, billed: billed")
    replaced(template, f"with: {{table: {TABLE}", "with: {table: gcp_cost_monthly_by_service")
    found = problems(capsys, template)
    assert any(
        "publish.0.step: summary has no column net_cost, and gcp_cost_monthly_by_service needs it as NUMERIC" in problem
        for problem in found
    )


def test_a_billed_statement_must_name_the_columns_that_a_publish_reads(
    template: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sql = template.with_suffix(".sql")
    replaced(sql, "COUNT(*) AS row_count,\n  SUM(cost + credit_amount) AS billed_cost", "SUM(cost) AS net")
    (problem,) = problems(capsys, template)
    assert problem == (
        "configs/gcp/cost/daily_by_service.sql:41: billed_by_day: must return usage_date, billing_currency, row_count, "
        "billed_cost: a publish reads row_count and billed_cost"
    )


def test_a_file_that_is_not_utf8_is_reported(template: Path, capsys: pytest.CaptureFixture[str]) -> None:
    template.with_suffix(".sql").write_bytes(b"-- name: x\xff\n")
    (problem,) = problems(capsys, template)
    assert problem.startswith("configs/gcp/cost/daily_by_service.sql:1: ")


def test_an_included_file_that_does_not_exist_is_reported(template: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = replaced(template, "\nsteps:", "\ninclude: [fokus]\nsteps:") + 1
    (problem,) = problems(capsys, template)
    assert problem == f"{SHOWN}.yml:{line}: include.0: there is no such file in configs/sql"


def test_mistakes_in_an_included_file_are_reported(template: Path, capsys: pytest.CaptureFixture[str]) -> None:
    included = template.parents[2] / "sql" / "own_checks.sql"
    included.parent.mkdir()
    included.write_text("-- name: of_no_step\n-- Reads a step that is not there.\nSELECT 1 AS one\nFROM {focus}\n")
    line = replaced(template, "\nsteps:", "\ninclude: [own_checks]\nsteps:") + 1
    unused, unknown = problems(capsys, template)
    assert unused == (
        f"{SHOWN}.yml:{line}: include.0: own_checks.sql has of_no_step, which no step, check or publish uses"
    )
    assert unknown.startswith("configs/sql/own_checks.sql:4: of_no_step: {focus}: no step, table or placeholder has")


def test_explain_refuses_what_validate_refuses(template: Path, capsys: pytest.CaptureFixture[str]) -> None:
    replaced(template, "columns: [usage_date, currency, cost]", "columns: [usage_date, curency, cost]")
    expected = problems(capsys, template)
    assert printed_by(main, ["explain", str(template), "--date", "2025-11-17"], capsys) == expected
    assert "curency" in expected[0]


def test_validate_names_the_template_if_it_is_given_the_sql_file(
    template: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (problem,) = problems(capsys, template.with_suffix(".sql"))
    assert problem.endswith("give its .yml, as configs/gcp/cost/daily_by_service.yml, and its SQL is read with it")
