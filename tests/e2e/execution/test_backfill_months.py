"""A backfill: queued at once, executed over several days of quota, and equal to the export to the last digit."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from devcloud.seed_billing.rows import Plan
from tests.support.dispatching import Dispatching
from tests.support.executions import eventually
from tests.support.frontend import Frontend

START, END, DAYS = date(2024, 11, 15), date(2025, 3, 16), 130  # the range has the end of a year and a February
DAILY_LIMIT = 2


def await_end_of_quota(frontend: Frontend, left: int) -> None:
    """Wait until no run is live and this number of runs wait for another day."""

    def has_come() -> bool:
        items = frontend.central("pipeline_execution_queue")
        return len(items) == left and {item["wait_reason"] for item in items} <= {"DAILY_LIMIT"}

    eventually(has_come, within_seconds=180)


def end_the_day(dispatching: Dispatching) -> None:
    """Move today's usage to yesterday, as if it were after midnight."""
    dispatching.query(
        "UPDATE tenants.tenant_usage_quotas SET usage_date = DATE_SUB(usage_date, INTERVAL 1 DAY) WHERE TRUE"
    )


def by_day(frontend: Frontend) -> dict[str, tuple[int, Decimal]]:
    """Rows and cost of each published day."""
    credited = "COALESCE((SELECT SUM(credit.amount) FROM UNNEST(credits) AS credit), 0)"
    rows = frontend.sql(
        f"SELECT x_usage_date AS day, COUNT(*) AS found, SUM(cost + {credited}) AS total"
        " FROM {own}.gcp_cost_billing GROUP BY day"
    )
    return {str(row["day"]): (row["found"], row["total"]) for row in rows}


@pytest.mark.timeout(300)
def test_months_are_filled_over_three_days_of_quota_and_equal_the_export(dispatching: Dispatching) -> None:
    frontend = dispatching.frontend(daily_limit=DAILY_LIMIT, concurrent_limit=2)
    export = frontend.tenant.seed(Plan(seed=5, start=START, days=DAYS, rows_per_day=2))
    assert frontend.store(frontend.gcp_body(billing_export_table=export.table)).status_code == 201
    dispatching.move_on("execute", "kick")
    months = {"start_date": str(START), "end_date": str(END), "split": "month"}

    answer = frontend.api.post(frontend.run_path, months)
    assert answer.status_code == 202
    runs, quota = answer.json()["runs"], answer.json()["quota"]
    assert (len(runs), quota["remaining_today"], quota["days_until_done"]) == (5, DAILY_LIMIT, 2)

    for completed in (2, 4, 5):
        await_end_of_quota(frontend, 5 - completed)
        newest_first = [run["pipeline_logging_id"] for run in runs[:completed]]
        rows = {row["pipeline_logging_id"]: row["status"] for row in frontend.own("x_meta_pipeline_runs")}
        assert [rows[run_id] for run_id in newest_first] == ["COMPLETED"] * completed
        end_the_day(dispatching)
        dispatching.process()

    truth = {day: (sums["rows"], Decimal(sums["total"])) for day, sums in export.truth["usage_dates"].items()}
    published = by_day(frontend)
    assert published == {day: sums for day, sums in truth.items() if str(START) <= day <= str(END)}
    assert len(published) > 100
