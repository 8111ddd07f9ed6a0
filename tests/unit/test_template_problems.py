"""The problems that `python -m shared.authoring validate` finds in SQL and checks, and their places."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from shared.authoring.cli import main
from tests.support.template_copies import copied_below, printed_by, replaced

CHECK = "  - {id: days_not_emptied"


@pytest.fixture
def template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of a template and its SQL under the current directory's configs/."""
    monkeypatch.chdir(tmp_path)
    return copied_below(tmp_path)


def problems(capsys: pytest.CaptureFixture[str], path: Path) -> list[str]:
    return printed_by(main, ["validate", str(path)], capsys)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "WHERE x_source = @source",
            "WHERE x_source = @sauce",
            "daily_by_service: @sauce is not declared: @sauce is unknown; known are allow_empty, ",
        ),
        (
            "@pipeline_logging_id AS",
            "@tenant_id AS",
            "daily_by_service: @tenant_id is not declared: write `-- param: tenant_id STRING`",
        ),
        ("-- param: source STRING", "-- param: source INT64", "daily_by_service: @source is STRING, not INT64"),
        ("-- param: source STRING", "-- param: sauce STRING", "daily_by_service: @sauce is unknown; known are "),
        (
            "-- param: source STRING",
            "-- param: tenant_id STRING\n-- param: source STRING",
            "daily_by_service: @tenant_id is declared and not used",
        ),
        (
            "FROM {dataset}.gcp_cost_billing",
            "FROM {dataset}.gcp_cost_biling",
            "daily_by_service: there is no table gcp_cost_biling in configs/tables/tenant_dataset",
        ),
        (
            "FROM {dataset}.gcp_cost_billing",
            "FROM {datset}.gcp_cost_billing",
            (
                "daily_by_service: {datset}: no step, table or placeholder has that name; known are "
                "dataset, summary, billed_credits, billed_by_day"
            ),
        ),
        ("currency,\n  SUM", "'}' || currency AS currency,\n  SUM", "daily_by_service: single '}' encountered"),
        ("FROM {rows}", "FROM {row}", "billed_by_day: {row}: no step, table or placeholder"),
    ],
)
def test_problems_in_the_sql_are_reported_with_file_and_line(
    template: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, message: str
) -> None:
    line = replaced(template.with_suffix(".sql"), old, new)
    found = [problem for problem in problems(capsys, template) if message in problem]
    assert len(found) == 1
    assert found[0].startswith(f"configs/gcp/cost/daily_by_service.sql:{line}: {message}")


def test_texts_and_comments_name_no_parameters(template: Path, capsys: pytest.CaptureFixture[str]) -> None:
    replaced(
        template.with_suffix(".sql"), "  currency,\n", "  IF(currency = 'me@here', 'a', currency) AS currency, -- @x\n"
    )
    assert problems(capsys, template) == []


def test_a_parameter_that_a_publish_does_not_give_to_the_billed_statement_is_reported(
    template: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sql = template.with_suffix(".sql")
    text = sql.read_text().replace("AND usage_date IN", "AND @tenant_id != '' AND usage_date IN")
    text = text.replace("Restatements and checks compare them.", "Checks compare them.\n-- param: tenant_id STRING")
    assert text != sql.read_text()
    sql.write_text(text)
    (problem,) = problems(capsys, template)
    assert "billed_by_day: @tenant_id is unknown; known are dates, pipeline_logging_id, source" in problem


def test_a_template_without_its_sql_says_which_file_is_missing(
    template: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    template.with_suffix(".sql").unlink()
    (problem,) = problems(capsys, template)
    assert problem.startswith("configs/gcp/cost/daily_by_service.sql:1: there is no such file")


@pytest.mark.parametrize(
    ("check", "field", "message"),
    [
        (
            "range, with: {column: project_id, maximum: 40}",
            "column",
            "project_id of gcp_cost_daily_by_service is STRING",
        ),
        ("range, with: {column: cost, maximum: 2025-01-01}", "maximum", "is a date, and cost of .* needs a number"),
        ("range, with: {column: usage_date, minimum: 4}", "minimum", "is a number, and usage_date of .* needs a date"),
        ('range, with: {column: cost, maximum: "{start_date}"}', "maximum", "is a date, and cost of .* needs a number"),
        ('range, with: {column: cost, maximum: "{allow_empty}"}', "", "its parameters are of the wrong type"),
        (
            "freshness, with: {column: usage_date, max_age_hours: 1}",
            "column",
            "usage_date .* is DATE, and must be TIMES",
        ),
        (
            (
                "reconciliation, with: {by: [usage_date], observed: {step: summary, total: currency},"
                " expected: {step: summary, total: cost}}"
            ),
            "observed.total",
            "currency of gcp_cost_daily_by_service is STRING, and must be FLOAT, INTEGER or NUMERIC",
        ),
    ],
)
def test_a_check_on_a_column_of_another_type_is_reported(
    template: Path, capsys: pytest.CaptureFixture[str], check: str, field: str, message: str
) -> None:
    replaced(template, CHECK, f"  - {{id: own, step: summary, uses: {check}}}\n{CHECK}")
    (problem,) = problems(capsys, template)
    place = ".".join(filter(None, ["checks.4.with", field]))
    assert f": {place}: " in problem
    assert re.search(message, problem), problem


@pytest.mark.parametrize(
    ("parameter", "bounds"),
    [
        ("integer", 'column: cost, maximum: "{bound}"'),
        ("integer", 'column: cost, minimum: 5, maximum: "{bound}"'),
        ("integer", 'column: row_count, minimum: "{bound}", maximum: "{bound}"'),
        ("string", 'column: usage_date, minimum: "{bound}"'),
        ("string", 'column: x_ingested_at, minimum: "{bound}", maximum: 2030-01-01T00:00:00Z'),
        ("string", 'column: usage_date, minimum: "{start_date}", maximum: "{end_date}"'),
    ],
)
def test_a_bound_may_be_a_parameter(
    template: Path, capsys: pytest.CaptureFixture[str], parameter: str, bounds: str
) -> None:
    replaced(template, "parameters:\n", f"parameters:\n  bound: {{type: {parameter}, description: A bound}}\n")
    replaced(template, CHECK, f"  - {{id: own, step: summary, uses: range, with: {{{bounds}}}}}\n{CHECK}")
    assert problems(capsys, template) == []


def test_a_day_column_of_another_type_is_reported(template: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = replaced(template, "date_column: usage_date", "date_column: currency")
    message = "currency of gcp_cost_daily_by_service is STRING, and must be DATE or TIMESTAMP"
    assert problems(capsys, template) == [
        f"configs/gcp/cost/daily_by_service.yml:{line}: publish.0.date_column: {message}"
    ]
