"""Which rows of a billing export a read session is to give, in GoogleSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from shared.domain.templates.templates import EARLIEST_DAY, LATEST_DAY

DAY = timedelta(days=1)
# The first value of each type that a table may be partitioned by.
_FIRST = {
    "TIMESTAMP": 'TIMESTAMP "0001-01-01T00:00:00+00:00"',
    "DATETIME": 'DATETIME "0001-01-01T00:00:00"',
    "DATE": 'DATE "0001-01-01"',
    "INTEGER": "-9223372036854775808",
}


def used_on(dates: Sequence[date]) -> str:
    """Rows whose usage starts on one of these UTC days."""
    return " OR ".join(
        f"(usage_start_time >= {_midnight(first)} AND usage_start_time < {_midnight(last + DAY)})"
        for first, last in spans(dates)
    )


def without_day() -> str:
    """Rows of no day that a run can load: they do not say when, or say it was before all clouds or long from now."""
    first, end = _midnight(EARLIEST_DAY), _midnight(LATEST_DAY + DAY)
    return f"usage_start_time IS NULL OR usage_start_time < {first} OR usage_start_time >= {end}"


def exported_since(moment: datetime) -> str:
    """Rows that say they were exported then or later."""
    return f'export_time >= TIMESTAMP "{moment.isoformat()}"'


def arrived_since(day: date) -> str:
    """Rows in the partitions from this day on, and those that have no partition yet: the streaming buffer."""
    return f"_PARTITIONTIME >= {_midnight(day)} OR _PARTITIONTIME IS NULL"


def arrived_before(day: date) -> str:
    """Rows in the partitions before this day: with `arrived_since` every row there is, each once."""
    return f"_PARTITIONTIME < {_midnight(day)}"


def in_any_partition(column: str, kind: str) -> str:
    """Every row there is, said by the column that a table is partitioned by: some owners demand to hear of it."""
    return f"`{column}` >= {_FIRST[kind]} OR `{column}` IS NULL"


def both(first: str, second: str) -> str:
    """Rows that meet two conditions; an empty one asks for nothing."""
    return f"({first}) AND ({second})" if first and second else first or second


def partition_of(day: date, granularity: str) -> date:
    """The first day of the partition that a day belongs to: HOUR, DAY, MONTH or YEAR."""
    if granularity == "YEAR":
        return day.replace(month=1, day=1)
    return day.replace(day=1) if granularity == "MONTH" else day


def spans(dates: Sequence[date]) -> list[tuple[date, date]]:
    """Days in a row as (first, last), in order."""
    found: list[tuple[date, date]] = []
    for day in sorted(dates):
        if found and day == found[-1][1] + DAY:
            found[-1] = (found[-1][0], day)
        else:
            found.append((day, day))
    return found


def _midnight(day: date) -> str:
    return f'TIMESTAMP "{datetime(day.year, day.month, day.day, tzinfo=UTC).isoformat()}"'
