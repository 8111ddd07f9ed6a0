"""A template's grain: which days a run covers, and templates whose rows are coarser than their grain."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.authoring.cli import main
from shared.configuration.templates import get_template, read_template
from shared.domain.templates.grain import whole_days
from shared.domain.templates.templates import resolve_parameters
from shared.errors import ConfigError, InvalidInput
from shared.pipeline.plan import plan_steps
from tests.support.template_copies import copied_below, printed_by, replaced

OF_DAY = "  x_usage_date AS usage_date,\n  project.id"
DAYS = st.dates(date(2024, 1, 1), date(2026, 12, 31))


@pytest.fixture
def template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of a template of grain day and its SQL under the current directory's configs/."""
    monkeypatch.chdir(tmp_path)
    return copied_below(tmp_path)


@given(st.lists(DAYS, max_size=5))
def test_with_grain_month_a_run_covers_exactly_the_months_of_its_days(days: list[date]) -> None:
    covered = whole_days(days, "month")
    assert covered == sorted(set(covered))
    assert {(day.year, day.month) for day in covered} == {(day.year, day.month) for day in days}
    for day in covered:
        assert (day + timedelta(days=1)).day == 1 or day + timedelta(days=1) in covered
        assert day.day == 1 or day - timedelta(days=1) in covered


@given(st.lists(DAYS, max_size=5))
def test_with_grain_day_a_run_covers_its_days(days: list[date]) -> None:
    assert whole_days(days, "day") == sorted(set(days))


def test_the_longest_range_counts_whole_months() -> None:
    template = get_template("gcp", "cost", "monthly_by_service").model_copy(update={"max_days": 61})
    assert resolve_parameters(template, {"start_date": "2025-10-31", "end_date": "2025-11-01"})
    with pytest.raises(
        InvalidInput, match=r"the range has 92 days in whole months, at most 61 allowed; .*: add .split.: .month."
    ):
        resolve_parameters(template, {"start_date": "2025-10-31", "end_date": "2025-12-01"})


def problems_with_grain(path: Path, capsys: pytest.CaptureFixture[str], expression: str, grain: str) -> list[str]:
    replaced(path.with_suffix(".sql"), OF_DAY, f"  {expression} AS usage_date,\n  project.id")
    replaced(path, "max_days: 400", f"max_days: 400\ngrain: {grain}")
    return printed_by(main, ["validate", str(path)], capsys)


MONTHS = [
    "DATE_TRUNC(x_usage_date, MONTH)",
    "date_trunc ( x_usage_date , month )",
    "DATE(TIMESTAMP_TRUNC(usage_start_time, MONTH, 'America/Los_Angeles'))",
    "DATE(DATETIME_TRUNC(DATETIME(usage_start_time), MONTH))",
    "DATE_TRUNC(DATE(COALESCE(usage_start_time, usage_end_time)), MONTH)",
    "LAST_DAY(x_usage_date)",
    "LAST_DAY(DATE(usage_start_time), MONTH)",
    "x_usage_date - EXTRACT(DAY FROM x_usage_date) + 1",
    "CAST(SUBSTR(CAST(x_usage_date AS STRING), 1, 7) || '-01' AS DATE)",
    "PARSE_DATE('%Y-%m', FORMAT_DATE('%Y-%m', x_usage_date))",
    "DATE(EXTRACT(YEAR FROM x_usage_date), EXTRACT(MONTH FROM x_usage_date), 1)",
    "DATE_SUB(x_usage_date, INTERVAL EXTRACT(DAY FROM x_usage_date) - 1 DAY)",
    "CAST(CONCAT(FORMAT_DATE('%Y-%m', x_usage_date), '-01') AS DATE)",
]
LONGER = [
    "DATE_TRUNC(x_usage_date, YEAR)",
    "DATE_TRUNC(x_usage_date, QUARTER)",
    "DATE_TRUNC(x_usage_date, ISOYEAR)",
    "LAST_DAY(x_usage_date, YEAR)",
    "DATE_TRUNC(x_usage_date, WEEK(MONDAY))",
    "DATE_TRUNC(x_usage_date, ISOWEEK)",
    "@dates[OFFSET(0)]",
    "DATE(@snapshot_at)",
    "CURRENT_DATE()",
    "PARSE_DATE('%Y%m', invoice.month)",
    "PARSE_DATE('%Y%m%d', CONCAT(invoice.month, '01'))",
]
ONE_DAY = [
    "x_usage_date",
    "DATE(usage_start_time)",
    "DATE_TRUNC(x_usage_date, DAY)",
    "DATE(TIMESTAMP_TRUNC(usage_start_time, HOUR))",
    "PARSE_DATE('%Y-%m-%d', FORMAT_DATE('%F', x_usage_date))",
    "DATE(EXTRACT(YEAR FROM x_usage_date), EXTRACT(MONTH FROM x_usage_date), EXTRACT(DAY FROM x_usage_date))",
    "DATE_TRUNC(x_usage_date, MONTH) AS invoice_month,\n  x_usage_date",
]


@pytest.mark.parametrize("expression", [*MONTHS, *LONGER, "MIN(x_usage_date)"])
def test_a_day_computed_from_several_days_is_refused(
    template: Path, capsys: pytest.CaptureFixture[str], expression: str
) -> None:
    (problem,) = problems_with_grain(template, capsys, expression, "day")
    line = template.read_text()[: template.read_text().index("  - {table: gcp_cost_daily")].count("\n") + 1
    assert problem.startswith(f"configs/gcp/cost/daily_by_service.yml:{line}: publish.0.date_column: usage_date of ")
    assert f"by {' '.join(expression.split())}:" in problem


@pytest.mark.parametrize("expression", [*ONE_DAY, *MONTHS])
def test_with_grain_month_a_day_or_a_month_is_accepted(
    template: Path, capsys: pytest.CaptureFixture[str], expression: str
) -> None:
    assert problems_with_grain(template, capsys, expression, "month") == []


@pytest.mark.parametrize("expression", ONE_DAY)
def test_with_grain_day_a_day_is_accepted(template: Path, capsys: pytest.CaptureFixture[str], expression: str) -> None:
    assert problems_with_grain(template, capsys, expression, "day") == []


@pytest.mark.parametrize("expression", LONGER)
def test_with_grain_month_other_periods_are_refused(
    template: Path, capsys: pytest.CaptureFixture[str], expression: str
) -> None:
    (problem,) = problems_with_grain(template, capsys, expression, "month")
    expected = ("use a day or a month", "a row's day must come from the rows", "is the month of an invoice")
    assert any(words in problem for words in expected)


def test_a_month_is_recognised_through_names_and_common_table_expressions(
    template: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sql = template.with_suffix(".sql")
    months = "SELECT *, DATE_TRUNC(x_usage_date, MONTH) AS usage_month FROM {dataset}.gcp_cost_billing"
    months += " WHERE x_source = @source AND x_usage_date IN UNNEST(@dates)"
    replaced(sql, "FROM {dataset}.gcp_cost_billing\nWHERE", "FROM months\nWHERE")
    replaced(sql, "x_usage_date AS usage_date", "months.usage_month AS usage_date")
    replaced(sql, "SELECT\n", f"WITH months AS (\n  {months}\n)\nSELECT\n")
    (problem,) = printed_by(main, ["validate", str(template)], capsys)
    assert "is the month, by DATE_TRUNC(x_usage_date, MONTH): " in problem


@pytest.mark.parametrize(("day", "is_one"), [("EXTRACT(DAY FROM x_usage_date)", True), ("1", False)])
def test_a_date_composed_of_extracted_parts_needs_its_day(
    template: Path, capsys: pytest.CaptureFixture[str], day: str, is_one: bool
) -> None:
    sql = template.with_suffix(".sql")
    parts = f"EXTRACT(YEAR FROM x_usage_date) AS y, EXTRACT(MONTH FROM x_usage_date) AS m, {day} AS d"
    bounds = "WHERE x_source = @source AND x_usage_date IN UNNEST(@dates)"
    replaced(sql, "FROM {dataset}.gcp_cost_billing\nWHERE", "FROM parts\nWHERE")
    replaced(sql, "x_usage_date AS usage_date", "DATE(y, m, d) AS usage_date")
    parts = f"SELECT *, {parts} FROM {{dataset}}.gcp_cost_billing {bounds}"
    replaced(sql, "SELECT\n", f"WITH parts AS (\n  {parts}\n)\nSELECT\n")
    assert (printed_by(main, ["validate", str(template)], capsys) == []) is is_one


def test_a_calendar_over_the_runs_days_is_accepted(template: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sql = template.with_suffix(".sql")
    text = sql.read_text().replace("  x_usage_date AS usage_date,\n  project", "  usage_date,\n  project", 1)
    calendar = "FROM UNNEST(@dates) AS usage_date\nJOIN {dataset}.gcp_cost_billing ON x_usage_date = usage_date\nWHERE"
    sql.write_text(text.replace("FROM {dataset}.gcp_cost_billing\nWHERE", calendar, 1))
    assert printed_by(main, ["validate", str(template)], capsys) == []


def test_a_run_refuses_what_validate_refuses(template: Path) -> None:
    replaced(
        template.with_suffix(".sql"), "x_usage_date AS usage_date", "DATE_TRUNC(x_usage_date, MONTH) AS usage_date"
    )
    found = read_template(template, file=template.name)
    with pytest.raises(ConfigError, match="usage_date of gcp_cost_daily_by_service is the month"):
        plan_steps(
            found,
            tenant_id="acme_corp",
            parameters={"date": "2025-11-17"},
            source="gcp:a.b.c",
            snapshot_at=None,  # type: ignore[arg-type]  # only the hash uses it
            watermark=None,
        )


def test_a_step_that_reads_a_provider_needs_grain_day(template: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = template.with_name("billing.yml")
    path.write_text(
        template.read_text()
        .replace("max_days: 400", "max_days: 400\ngrain: month")
        .replace("steps:\n", "steps:\n  - {id: extract, uses: gcp_billing_export}\n")
    )
    path.with_suffix(".sql").write_text(template.with_suffix(".sql").read_text())
    (problem,) = printed_by(main, ["validate", str(path)], capsys)
    assert (
        "steps.0.uses: gcp_billing_export reads days, so it cannot be a step of a pipeline with grain: month" in problem
    )
