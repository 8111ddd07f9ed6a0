"""Days that have not begun are refused for manual runs and accepted for schedules ahead of UTC."""

from __future__ import annotations

from datetime import date

import pytest

from shared.configuration.templates import get_template
from shared.domain.schedules.pipeline_configs import resolve_config_parameters
from shared.domain.schedules.tick_plan import with_date
from shared.domain.templates.templates import resolve_parameters
from shared.errors import InvalidInput

TODAY = date(2025, 11, 17)
BILLING = get_template("gcp", "cost", "billing")


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"date": "2025-11-18"}, "date"),
        ({"start_date": "2025-11-17", "end_date": "2025-11-18"}, "end_date"),
        ({"start_date": "2025-11-18", "end_date": "2025-11-18"}, "start_date"),
    ],
)
def test_a_day_after_today_in_utc_is_refused(asked: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        resolve_parameters(BILLING, asked, today=TODAY)
    found = {item["field"]: item["message"] for item in refused.value.facts["errors"]}
    assert found[field] == "must not be after today, 2025-11-17 in UTC"


def test_today_is_accepted() -> None:
    assert resolve_parameters(BILLING, {"date": "2025-11-17"}, today=TODAY)["date"] == "2025-11-17"


def test_the_day_of_a_tick_may_be_tomorrow_in_utc() -> None:
    given = {"date": "{date}"}
    assert resolve_config_parameters(BILLING, given)
    assert resolve_parameters(BILLING, with_date(given, "2199-12-31"))["date"] == "2199-12-31"


def test_a_month_that_has_not_ended_can_be_requested_by_a_day_that_has_begun() -> None:
    monthly = get_template("gcp", "cost", "monthly_by_service")
    assert resolve_parameters(monthly, {"date": "2025-11-17"}, today=TODAY)["date"] == "2025-11-17"
    assert monthly.days_covered(TODAY, TODAY)[-1] == date(2025, 11, 30)
