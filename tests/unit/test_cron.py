"""The crons that a schedule may have, and the errors of all others."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import islice
from zoneinfo import ZoneInfo

import pytest

from shared.domain.schedules.cron_syntax import matches_either_day, require_cron, require_new_cron, uneven_steps
from shared.domain.schedules.ticks import ticks_after
from shared.errors import InvalidInput

YEAR_START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "cron", ["0 2 * * *", "0  2 * * *", "*/5 0-6 1,15 jan-mar mon", "0 0 L * *", "0 0 3-L * *", "0 0 29 2 *"]
)
def test_cron_of_five_fields_is_accepted(cron: str) -> None:
    assert require_new_cron(cron) == " ".join(cron.split())


@pytest.mark.parametrize(
    "cron",
    ["", "@daily", "* * * *", "0 * * * * *", "60 * * * *", "0 0 30 2 *", "*/0 * * * *", "r * * * *", "h(0-9) * * * *",
     "0 2 * * *; DROP TABLE x", "0 2 * * * " + "," * 100],
)  # fmt: skip
@pytest.mark.parametrize("require", [require_cron, require_new_cron])
def test_anything_else_is_refused_by_its_field(require: Callable[[str], str], cron: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        require(cron)
    assert refused.value.facts["errors"][0]["field"] == "cron_expression"


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("0 5-1 * * *", "hour: the range 5-1 must begin before it ends"),
        ("5-5 * * * *", "minute: the range 5-5 must begin before it ends"),
        ("0,50-10/5 2 * * *", "minute: the range 50-10/5 must begin before it ends"),
        ("0 0 28-3 * *", "day: the range 28-3 must begin before it ends"),
        ("0 0 1 NOV-feb *", "month: the range nov-feb must begin before it ends"),
        ("0 0 * * 7-1", "weekday: the range 7-1 must begin before it ends"),
        (
            "0 0 * * fri-sun",
            "weekday: the range fri-sun must begin before it ends; use 7 for Sunday as the last weekday",
        ),
    ],
)
def test_a_range_that_ends_before_it_begins_is_refused_by_its_field(cron: str, expected: str) -> None:
    assert require_cron(cron) == cron, "one that is stored goes on"
    with pytest.raises(InvalidInput) as refused:
        require_new_cron(cron)
    assert refused.value.facts["errors"] == [{"field": "cron_expression", "message": expected}]


@pytest.mark.parametrize(
    ("cron", "weekdays"), [("0 0 * * fri-7", {5, 6, 7}), ("0 0 * * 0-7", set(range(1, 8))), ("0 0 * * sun-mon", {7, 1})]
)
def test_a_range_of_weekdays_begins_or_ends_with_sunday(cron: str, weekdays: set[int]) -> None:
    ticks = islice(ticks_after(require_cron(cron), ZoneInfo("UTC"), after=YEAR_START), 14)
    assert {tick.isoweekday() for tick in ticks} == weekdays


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("61 * * * *", "minute: 61 is not in the range 0 to 59"),
        ("0 25 * * *", "hour: 25 is not in the range 0 to 23"),
        ("0 0-24 * * *", "hour: 24 is not in the range 0 to 23"),
        ("0 0 0 * *", "day: 0 is not in the range 1 to 31"),
        ("0 0 * 13 *", "month: 13 is not in the range 1 to 12"),
        ("0 0 * foo *", "month: foo is not in the range 1 to 12"),
        ("0 0 * * 8", "weekday: 8 is not in the range 0 to 7"),
        ("0 0 * * mon#6", "weekday: mon#6 is not valid; the range of weekday is 0 to 7"),
        ("0 0 * * foo#1", "weekday: foo is not in the range 0 to 7"),
        ("0 L * * *", "hour: l is not valid; the range of hour is 0 to 23"),
        ("0 3-L * * *", "hour: 3-l is not valid; only the day may be L, the last day"),
        ("5- * * * *", "minute: 5- is not valid; the range of minute is 0 to 59"),
        ("0 2 30 2 *", "never fires, because no year has a day that matches"),
    ],
)
def test_a_value_that_its_field_does_not_have_is_refused_by_its_field(cron: str, expected: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        require_new_cron(cron)
    assert refused.value.facts["errors"] == [{"field": "cron_expression", "message": expected}]


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("*/90 * * * *", "minute: the step 90 of */90 must be 1 to 59; the range of minute is 0 to 59"),
        ("0-59/90 * * * *", "minute: the step 90 of 0-59/90 must be 1 to 59; the range of minute is 0 to 59"),
        ("0-20/30 * * * *", "minute: the step 30 of 0-20/30 must be 1 to 20; the range of minute is 0 to 59"),
        ("50/10 * * * *", "minute: the step 10 of 50/10 must be 1 to 9; the range of minute is 0 to 59"),
        ("59/1 * * * *", "minute: the step 1 of 59/1 leaves no second value; the range of minute is 0 to 59"),
        ("0 */36 * * *", "hour: the step 36 of */36 must be 1 to 23; the range of hour is 0 to 23"),
        ("0 0 */32 * *", "day: the step 32 of */32 must be 1 to 31; the range of day is 1 to 31"),
        ("0 0 1 */13 *", "month: the step 13 of */13 must be 1 to 12; the range of month is 1 to 12"),
        ("0 0 * * */8", "weekday: the step 8 of */8 must be 1 to 7; the range of weekday is 0 to 7"),
    ],
)
def test_a_step_longer_than_its_range_is_refused_by_its_field(cron: str, expected: str) -> None:
    assert require_cron(cron) == cron, "one that is stored goes on"
    with pytest.raises(InvalidInput) as refused:
        require_new_cron(cron)
    assert refused.value.facts["errors"] == [{"field": "cron_expression", "message": expected}]


@pytest.mark.parametrize(
    "cron", ["0 0 */2 * 1", "0 0 15 * */3", "0 0 */1 * */3", "0 0 1,15 * 1", "0 0 */2 * *", "*/5 */2 * */2 *"]
)
def test_crons_whose_day_or_weekday_may_match_are_recognised(cron: str) -> None:
    day, weekday = cron.split()[2], cron.split()[4]
    assert matches_either_day(cron) == ((day, weekday) in {("*/2", "1"), ("15", "*/3")})


def test_a_step_beside_a_weekday_fires_on_days_that_match_either() -> None:
    ticks = islice(ticks_after("0 0 */2 * 1", ZoneInfo("UTC"), after=datetime(2026, 1, 2, tzinfo=UTC)), 4)
    assert [tick.day for tick in ticks] == [3, 5, 7, 9], "5 January is a Monday, the others are odd days"
    ticks = islice(ticks_after("0 0 1-10/9 * 1", ZoneInfo("UTC"), after=datetime(2026, 1, 2, tzinfo=UTC)), 4)
    assert [tick.day for tick in ticks] == [5, 10, 12, 19]


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("*/45 * * * *", ["minute */45 begins anew each hour: after 45 comes 0, not 90."]),
        ("0 */7 * * *", ["hour */7 begins anew each day: after 21 comes 0, not 28."]),
        ("*/7 */5 * * *", ["minute */7 begins", "hour */5 begins"]),
        ("0 0 */2 * *", ["day */2 begins anew each month: after 31 comes 1, not 33."]),
        ("0 0 */30 * *", ["day */30 begins anew each month: after 31 comes 1, not 61."]),
        ("0 0 */31 */12 *", ["day */31 is 1 only.", "month */12 is 1 only."]),
        ("0 0 1 */5 *", ["month */5 begins anew each year: after 11 comes 1, not 16."]),
        ("0 0 * * */2", ["weekday */2 begins anew each week: after 6 comes 0, not 8."]),
        ("0 0 * * */7", ["weekday */7 is 0 only."]),
        ("0 0 1 */3 *", []),
        ("*/15 */6 */1 */6 */1", []),
        ("0-59/45 1-5/3 * * *", []),
    ],
)
def test_a_step_that_does_not_divide_its_span_or_has_one_value_is_recognised(cron: str, expected: list[str]) -> None:
    found = uneven_steps(cron)
    assert len(found) == len(expected)
    assert all(sentence.startswith(beginning) for sentence, beginning in zip(found, expected, strict=True))
