"""When schedules fire: a year of ticks compared with a clock, and the two days on which clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.schedules.cron_syntax import require_cron
from shared.domain.schedules.ticks import next_tick, require_timezone, ticks_after
from shared.errors import InvalidInput

ZONES = ["UTC", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Africa/Casablanca"]
CRONS = ["30 2 * * *", "*/20 1-3 * * *", "0 0 1 * *", "15 2 13 * 0", "0 3 * 3,10 6", "30 * * * *", "*/15 2 * * *",
         "0,30 1,2,3 * * *", "45 */2 * * *"]  # fmt: skip
YEAR_START = datetime(2026, 1, 1, tzinfo=UTC)
LOOK = 5  # minutes between two looks at the clock: no cron of CRONS fires between them, and no zone changes


Shown = tuple[datetime, datetime, str]


def oracle(cron: str, wall_clock: dict[int, list[Shown]]) -> list[datetime]:
    """The minutes at which a wall clock shows a tick, by the documentation.

    A cron with numbers alone for its hours asks once for each time: when it is first shown, or has just been skipped.
    Other hours ask whenever a time is shown. Other minutes ask again when their hour comes again.
    """
    any_minute, any_hour = ("*" in text or "-" in text for text in cron.split()[:2])
    asked = {"first"} | ({"again"} if any_minute or any_hour else set()) | (set() if any_hour else {"skipped"})
    fields = [_numbers(text, *bounds) for text, bounds in zip(cron.split(), _BOUNDS, strict=True)]
    found = [
        moment.replace(tzinfo=UTC)
        for minute in fields[0]
        for moment, time, how in wall_clock[minute]
        if how in asked and _matches(fields, cron, time)
    ]
    return sorted(set(found))


def wall_clock_of(zone: ZoneInfo, year: int) -> dict[int, list[Shown]]:
    """The local time at each moment of a year, whether it is repeated, and the local times skipped before it.

    The moments are grouped by the minute of the local time, because a cron needs few of them.
    """
    shown_at: dict[int, list[Shown]] = {minute: [] for minute in range(0, 60, LOOK)}
    pause = timedelta(minutes=LOOK)
    moment, expected = datetime(year, 1, 1, tzinfo=zone), None  # the UTC time with the zone's name, as fromutc expects
    while moment.year == year:
        shown = zone.fromutc(moment)
        while expected is not None and expected < shown:  # within a zone, < and + are those of the wall clock
            shown_at[expected.minute].append((moment, expected, "skipped"))
            expected += pause
        shown_at[shown.minute].append((moment, shown, "again" if shown.fold else "first"))
        moment, expected = moment + pause, shown + pause
    return shown_at


_BOUNDS = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 6)]


def _numbers(text: str, low: int, high: int) -> set[int]:
    found: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        first, _, last = (f"{low}-{high}" if span == "*" else span).partition("-")
        found |= set(range(int(first), int(last or first) + 1, int(step or 1)))
    return found


def _matches(fields: list[set[int]], cron: str, time: datetime) -> bool:
    _, hour, day, month, weekday = fields
    if time.hour not in hour or time.month not in month:
        return False
    by_day, by_weekday = time.day in day, time.isoweekday() % 7 in weekday
    both_given = "*" not in (cron.split()[2], cron.split()[4])
    return (by_day or by_weekday) if both_given else (by_day and by_weekday)


@pytest.mark.parametrize("zone", ZONES)
def test_a_year_of_ticks_equals_the_times_that_a_wall_clock_shows(zone: str) -> None:
    zone_info = require_timezone(zone)
    wall_clock = wall_clock_of(zone_info, YEAR_START.year)
    for cron in CRONS:
        ticks = ticks_after(require_cron(cron), zone_info, after=YEAR_START - timedelta(seconds=1))
        found = list(takewhile(lambda tick: tick.year == YEAR_START.year, ticks))
        assert found == oracle(cron, wall_clock), cron
        assert [next_tick(cron, zone_info, after=tick) for tick in found[:-1:7]] == found[1::7], cron


class TestOddDays:
    NEW_YORK = require_timezone("America/New_York")

    def test_a_local_time_that_does_not_exist_fires_at_the_first_instant_after_the_gap(self) -> None:
        tick = next_tick("30 2 * * *", self.NEW_YORK, after=datetime(2026, 3, 8, 5, tzinfo=UTC))
        assert tick == datetime(2026, 3, 8, 7, tzinfo=UTC)
        assert tick.astimezone(self.NEW_YORK).hour == 3

    def test_several_local_times_that_do_not_exist_fire_once(self) -> None:
        ticks = list(islice(ticks_after("*/15 2 * * *", self.NEW_YORK, after=datetime(2026, 3, 8, 5, tzinfo=UTC)), 2))
        assert ticks == [datetime(2026, 3, 8, 7, tzinfo=UTC), datetime(2026, 3, 9, 6, tzinfo=UTC)]

    def test_a_local_time_that_happens_twice_fires_the_first_time(self) -> None:
        ticks = list(islice(ticks_after("30 1 * * *", self.NEW_YORK, after=datetime(2026, 11, 1, 4, tzinfo=UTC)), 2))
        assert ticks == [datetime(2026, 11, 1, 5, 30, tzinfo=UTC), datetime(2026, 11, 2, 6, 30, tzinfo=UTC)]

    @pytest.mark.parametrize(
        ("cron", "zone", "utc"),
        [
            ("0 0-5 31 10 *", "Europe/Berlin", ["22:00", "23:00", "00:00", "01:00", "02:00", "03:00", "04:00"]),
            ("0,30 * 31 10 *", "Europe/Berlin", ["22:00", "22:30", "23:00", "23:30", "00:00", "00:30", "01:00"]),
            ("*/30 1-3 31 10 *", "Europe/Berlin", ["23:00", "23:30", "00:00", "00:30", "01:00", "01:30", "02:00"]),
            ("*/30 2 31 10 *", "Europe/Berlin", ["00:00", "00:30", "01:00", "01:30"]),
            ("0 1,2,3 31 10 *", "Europe/Berlin", ["23:00", "00:00", "02:00"]),
            ("30 0-4 28 3 *", "Europe/Berlin", ["23:30", "00:30", "01:30", "02:30"]),
            ("0 */2 28 3 *", "Europe/Berlin", ["23:00", "02:00", "04:00"]),
            ("30 2,3 28 3 *", "Europe/Berlin", ["01:00", "01:30"]),
            ("*/30 0-3 4 4 *", "Australia/Lord_Howe", ["13:00", "13:30", "14:00", "14:30", "15:00", "15:30", "16:00"]),
        ],
    )
    def test_crons_with_steps_follow_the_clock_and_fixed_times_fire_once(
        self, cron: str, zone: str, utc: list[str]
    ) -> None:
        ticks = ticks_after(cron, require_timezone(zone), after=datetime(2027, 1, 1, tzinfo=UTC))
        assert [f"{tick:%H:%M}" for tick in islice(ticks, len(utc))] == utc

    def test_a_gap_of_a_whole_day_fires_at_its_end(self) -> None:
        apia = require_timezone("Pacific/Apia")  # had no 30 December 2011
        tick = next_tick("0 12 30 12 *", apia, after=datetime(2011, 12, 1, tzinfo=UTC))
        assert tick == datetime(2011, 12, 30, 10, tzinfo=UTC)


@given(
    zone=st.sampled_from([*ZONES, "Asia/Kathmandu", "America/Sao_Paulo"]),
    cron=st.sampled_from([*CRONS, "* * * * *", "0 */2 * * 1-5"]),
    after=st.datetimes(datetime(1990, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
@settings(max_examples=200)
def test_ticks_ascend_and_starting_at_any_of_them_finds_the_same_next_one(
    zone: str, cron: str, after: datetime
) -> None:
    zone_info = require_timezone(zone)
    first, second, third = islice(ticks_after(cron, zone_info, after=after), 3)
    assert after < first < second < third
    assert next_tick(cron, zone_info, after=first) == second
    assert next_tick(cron, zone_info, after=second - timedelta(microseconds=1)) == second


@pytest.mark.parametrize("name", ["", "Mars/Base", "Europe", "../../etc/passwd", "utc ", "localtime", "right/UTC"])
def test_an_unknown_timezone_is_refused_and_never_utc(name: str) -> None:
    with pytest.raises(InvalidInput, match="timezone"):
        require_timezone(name)
