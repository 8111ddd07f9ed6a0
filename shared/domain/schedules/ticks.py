"""Computes when a cron fires in a timezone, also on the two days of the year when clocks change.

A cron names times of the wall clock. It is a rhythm if its hour or minute is a star, a range or a step. Otherwise it is
a time of the day.
- A rhythm fires whenever the clock shows a matching time, so it also fires in both hours when an hour comes twice.
- A time of the day fires once: at the first occurrence if it comes twice, and right after the gap if it is skipped.
- A rhythm of hours leaves a skipped time out, because the next one follows soon. A rhythm of minutes in given hours
  fires right after the gap instead.
Ticks at the same instant are one tick.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from croniter import croniter

from shared.domain.schedules.cron_syntax import wall_clock_ticks
from shared.errors import InvalidInput

_TIMES = re.compile(r"\d+(?:,\d+)*")
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+){0,2}")
# Files in the zones' folder that are no zones of IANA: the machine's own zone, and copies with leap seconds.
_NO_ZONE = re.compile(r"localtime|posixrules|Factory|posix/.*|right/.*")


@cache
def require_timezone(name: str) -> ZoneInfo:
    """The timezone of an IANA name; InvalidInput for an unknown one."""
    if _ZONE.fullmatch(name) and not _NO_ZONE.fullmatch(name):
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            pass  # the name is that of a folder or of another kind of file
    raise InvalidInput.of_field("timezone", "must be an IANA timezone such as Europe/Berlin")


def next_tick(cron: str, zone: ZoneInfo, *, after: datetime) -> datetime | None:
    """The first tick later than `after`, in UTC, or None if there is none in the coming years."""
    return next(ticks_after(cron, zone, after=after), None)


def ticks_after(cron: str, zone: ZoneInfo, *, after: datetime) -> Iterator[datetime]:
    """All ticks later than `after`, in UTC, ascending."""
    latest = after
    for tick in _ticks(cron, zone, _earliest_wall_clock(zone, after)):
        if tick > latest:
            latest = tick
            yield tick


def is_shown(cron: str, zone: ZoneInfo, tick: datetime) -> bool:
    """Whether the cron matches the time that the clock shows. A tick that replaces a skipped time does not match."""
    shown = tick.astimezone(zone).replace(tzinfo=None)
    return next(wall_clock_ticks(cron, shown - timedelta(microseconds=1)), None) == shown


def _earliest_wall_clock(zone: ZoneInfo, after: datetime) -> datetime:
    """A local time early enough to find every tick later than `after`, even if the clocks go back soon."""
    moments = (after, after + timedelta(days=1))
    return min(after.astimezone(UTC).replace(tzinfo=None) + _offset(moment.astimezone(zone)) for moment in moments)


def _ticks(cron: str, zone: ZoneInfo, start: datetime) -> Iterator[datetime]:
    """The ticks of all local times after `start`, in UTC, ascending. Several may be at the same instant."""
    minute, hour = (_is_rhythm(text) for text in cron.split()[:2])
    repeated: deque[datetime] = deque()
    for wall_clock in wall_clock_ticks(cron, start):
        before, after = (_offset(wall_clock.replace(tzinfo=zone, fold=fold)) for fold in (0, 1))
        if before < after and hour:
            continue
        first = (wall_clock - before).replace(tzinfo=UTC)
        if before < after:
            first = _end_of_gap(first, wall_clock, zone, after)
        while repeated and repeated[0] < first:
            yield repeated.popleft()
        yield first
        if before > after and (minute or hour):
            repeated.append((wall_clock - after).replace(tzinfo=UTC))
    yield from repeated


def _is_rhythm(field: str) -> bool:
    return not _TIMES.fullmatch(field)


def _offset(local: datetime) -> timedelta:
    return local.utcoffset() or timedelta()


def _end_of_gap(late: datetime, wall_clock: datetime, zone: ZoneInfo, after: timedelta) -> datetime:
    """The UTC instant at which the zone's clocks skip this local time. It is not after `late`."""
    # The clocks jump somewhere in (wall_clock - after, late]: narrow that down to the second.
    early = (wall_clock - after).replace(tzinfo=UTC)
    while late - early > timedelta(seconds=1):
        middle = early + (late - early) // 2
        middle -= timedelta(microseconds=middle.microsecond)
        if middle.astimezone(zone).utcoffset() == after:
            late = middle
        else:
            early = middle
    return late


def latest_tick(cron: str, *, until: datetime) -> datetime:
    """The last tick at or before `until` of a cron read in UTC."""
    just_after = until + timedelta(microseconds=1)
    previous: datetime = croniter(cron, just_after, ret_type=datetime).get_prev()
    return previous
