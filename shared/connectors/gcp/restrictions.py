"""Builds the row restrictions of read sessions over a billing export, in GoogleSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from shared.domain.templates.templates import EARLIEST_DAY, LATEST_DAY

DAY = timedelta(days=1)
# The smallest value of each type that a table may be partitioned by.
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
    """Rows without a day that a run can load: the usage start is missing or out of range."""
    first, end = _midnight(EARLIEST_DAY), _midnight(LATEST_DAY + DAY)
    return f"usage_start_time IS NULL OR usage_start_time < {first} OR usage_start_time >= {end}"


def exported_since(moment: datetime) -> str:
    """Rows whose export time is this moment or later."""
    return f'export_time >= TIMESTAMP "{moment.isoformat()}"'


def arrived_since(day: date) -> str:
    """Rows in the partitions from this day on, and rows without a partition yet, in the streaming buffer."""
    return f"_PARTITIONTIME >= {_midnight(day)} OR _PARTITIONTIME IS NULL"


def arrived_before(day: date) -> str:
    """Rows in the partitions before this day. Together with `arrived_since` this is every row once."""
    return f"_PARTITIONTIME < {_midnight(day)}"


def in_any_partition(column: str, kind: str) -> str:
    """All rows, as a condition on the partitioning column. Some tables require a partition filter."""
    return f"`{column}` >= {_FIRST[kind]} OR `{column}` IS NULL"


def both(first: str, second: str) -> str:
    """Rows that meet two conditions; an empty condition is always met."""
    return f"({first}) AND ({second})" if first and second else first or second


def partition_of(day: date, granularity: str) -> date:
    """The first day of the partition that a day belongs to: HOUR, DAY, MONTH or YEAR."""
    if granularity == "YEAR":
        return day.replace(month=1, day=1)
    return day.replace(day=1) if granularity == "MONTH" else day


def spans(dates: Sequence[date]) -> list[tuple[date, date]]:
    """Consecutive days as ranges (first, last), in order."""
    found: list[tuple[date, date]] = []
    for day in sorted(dates):
        if found and day == found[-1][1] + DAY:
            found[-1] = (found[-1][0], day)
        else:
            found.append((day, day))
    return found


def _midnight(day: date) -> str:
    return f'TIMESTAMP "{datetime(day.year, day.month, day.day, tzinfo=UTC).isoformat()}"'
