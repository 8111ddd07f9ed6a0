"""`python -m tools.validate_sql` reports errors of a template's SQL with file and line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from shared.configuration.platform_config import CONFIGS
from tests.support.template_copies import copied_below, printed_by, replaced
from tools.validate_sql import main

WITH_PART = """
-- name: of_a_project
-- Published rows with a project.
-- param: source STRING
SELECT project.id AS project_id
FROM {dataset}.gcp_cost_billing
WHERE x_source = @source
  AND project.idd IS NOT NULL

-- name: dear_projects
-- Rows of projects that have a published row.
-- param: source STRING
SELECT project_id
FROM {summary}
WHERE project_id IN (
  {of_a_project}
) AND cost > 10
"""


@pytest.fixture
def template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of a template and its SQL under the current directory's configs/."""
    monkeypatch.chdir(tmp_path)
    return copied_below(tmp_path)


def problems(capsys: pytest.CaptureFixture[str], path: Path) -> list[str]:
    return printed_by(main, [str(path)], capsys)


@pytest.mark.judge
@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("FROM {dataset}.gcp_cost_billing", "FRM {dataset}.gcp_cost_billing", "daily_by_service: Syntax error: "),
        ("  project.id AS project_id", "  projct.id AS project_id", "daily_by_service: Unrecognized name: projct"),
        ("SUM(COALESCE(cost, 0)) AS", "SUM(COALESCE(cost, 'a')) AS", "daily_by_service: No matching signature"),
        (
            "  COUNT(*) AS row_count,",
            "  CAST(COUNT(*) AS STRING) AS row_count,",
            "daily_by_service: column row_count is STRING in the result and INT64 in gcp_cost_daily_by_service",
        ),
        (
            "  COUNT(*) AS row_count,",
            "  CAST(COUNT(*) AS FLOAT64) AS row_count,",
            "daily_by_service: column row_count is FLOAT64 in the result and INT64 in gcp_cost_daily_by_service",
        ),
        (
            "  service.id AS service_id,",
            "  service.id AS service_key,",
            "daily_by_service: gcp_cost_daily_by_service has no column service_key, which the result has",
        ),
        ("  SUM(cost + credit_amount) AS", "  SUM(cost + usage_date) AS", "billed_by_day: No matching signature"),
    ],
)
def test_an_error_of_the_analyser_is_reported_with_file_and_line(
    template: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, message: str
) -> None:
    line = replaced(template.with_suffix(".sql"), old, new)
    if "service_key" in new:
        replaced(template.with_suffix(".sql"), "project_id, service_id, service_name, currency", "1, 2, 3, 4, 5")
    found = [problem for problem in problems(capsys, template) if message in problem]
    assert len(found) == 1
    number = int(found[0].split(":")[1])
    assert found[0].startswith(f"configs/gcp/cost/daily_by_service.sql:{number}: {message}")
    assert number == line or ("Syntax" in message and number in (line, line + 1))


@pytest.mark.judge
def test_a_result_without_a_column_of_its_shape_is_reported(template: Path, capsys: pytest.CaptureFixture[str]) -> None:
    replaced(template.with_suffix(".sql"), "  COUNT(*) AS row_count,\n  @source", "  @source")
    assert problems(capsys, template) == [
        (
            "configs/gcp/cost/daily_by_service.sql:1: daily_by_service: the result has no column row_count, which"
            " gcp_cost_daily_by_service has"
        )
    ]


@pytest.mark.judge
def test_a_mistake_in_a_part_is_reported_at_the_line_of_the_part(
    template: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sql = template.with_suffix(".sql")
    sql.write_text(sql.read_text() + WITH_PART)
    check = "{id: dear, uses: sql, step: summary, with: {query: dear_projects}}"
    replaced(template, "publish:\n", f"  - {check}\n\npublish:\n")
    line = 1 + sql.read_text().splitlines().index("  AND project.idd IS NOT NULL")
    found = set(problems(capsys, template))
    place = f"configs/gcp/cost/daily_by_service.sql:{line}: of_a_project: "
    assert {problem[: len(place)] for problem in found} == {place}
    replaced(sql, "project.idd", "project.id")
    assert problems(capsys, template) == []


@pytest.mark.judge
def test_a_bound_that_is_a_parameter_is_analysed(template: Path, capsys: pytest.CaptureFixture[str]) -> None:
    replaced(template, "parameters:\n", "parameters:\n  most: {type: integer, description: The most}\n")
    check = '{id: dear, uses: range, step: summary, with: {column: cost, maximum: "{most}"}}'
    replaced(template, "publish:\n", f"  - {check}\n\npublish:\n")
    assert problems(capsys, template) == []


def test_problems_that_validate_finds_are_reported_without_the_analyser(
    template: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    replaced(template, "owner: platform", "owners: platform")
    assert ": owner: is missing" in "\n".join(problems(capsys, template))


def test_a_missing_package_is_named() -> None:
    without = "import sys; sys.modules['zetasql'] = None; from tools.validate_sql import main; sys.exit(main([]))"
    found = subprocess.run(
        [sys.executable, "-c", without], cwd=CONFIGS.parent, capture_output=True, text=True, timeout=60, check=False
    )
    assert found.returncode == 1
    assert found.stderr == "the package zetasql is missing: it is one of requirements/dev.txt, see `make setup`\n"


@pytest.mark.judge
@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        (
            "  usage_date,\n  currency AS billing_currency",
            "  usage_date AS usage_dates,\n  currency AS billing_currency",
            "SELECT\n  usage_date AS usage_dates",
            "must return usage_date, billing_currency, row_count, billed_cost: a publish reads usage_date",
        ),
        (
            "  COUNT(*) AS row_count,\n  SUM(cost + credit_amount)",
            "  CAST(COUNT(*) AS STRING) AS row_count,\n  SUM(cost + credit_amount)",
            "  CAST(COUNT(*) AS STRING) AS row_count",
            "row_count is STRING, and must be INT64: a publish reads it",
        ),
    ],
)
def test_a_billed_statement_without_a_column_that_a_publish_reads_is_reported_with_its_line(
    template: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, line: str, message: str
) -> None:
    sql = template.with_suffix(".sql")
    replaced(sql, old, new)
    number = sql.read_text()[: sql.read_text().index(line)].count("\n") + 1
    assert problems(capsys, template) == [f"configs/gcp/cost/daily_by_service.sql:{number}: billed_by_day: {message}"]


@pytest.mark.judge
def test_a_statement_without_a_column_that_a_reconciliation_reads_is_reported_with_its_line(
    template: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    replaced(template.with_suffix(".sql"), "AS total\n", "AS totals\n")
    (problem,) = problems(capsys, template)
    assert "billed_credits: must return usage_date, currency, total: checks.same_credits reads total" in problem


@pytest.mark.judge
def test_a_step_that_is_no_query_is_reported(template: Path, capsys: pytest.CaptureFixture[str]) -> None:
    replaced(template.with_suffix(".sql"), "SELECT\n  x_usage_date", "SELECT 1;\nSELECT\n  x_usage_date")
    (problem,) = problems(capsys, template)
    assert problem.startswith("configs/gcp/cost/daily_by_service.sql:7: daily_by_service: must be one query")
