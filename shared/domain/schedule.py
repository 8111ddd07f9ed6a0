"""Cron in a timezone: when a schedule fires, also on the two odd days of the year.

Cron is read on the wall clock. A local time that does not exist fires at the first instant after the gap; one that
happens twice fires the first time. Ticks that fall on one instant are one tick.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from croniter import CroniterError, croniter

from shared.errors import InvalidInput

_CRON_LENGTH = 100
_FIELD = r"[0-9A-Za-z*,/#-]+"
_CRON = re.compile(rf"{_FIELD}(?: {_FIELD}){{4}}")
# croniter's ranges run round the end: 5-1 is 5 to the last and the first to 1, and 5-5 is every value there is. Other
# crons refuse the one and take the other for 5: nobody writes them any more, but those that are stored go on firing.
_RANGE = re.compile(r"(?P<first>\d+|[a-z]{3})-(?P<last>\d+|[a-z]{3})(?:/.*)?", re.ASCII)
_FIELDS = ("minute", "hour", "day", "month", "weekday")
# croniter's own h and r stand for hashed and random moments: a schedule must fire when it says.
_CHANCE = re.compile(r"(?<![a-z])[hr](?![a-z])", re.IGNORECASE)
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+){0,2}")
# On disk beside the zones, but no zones of IANA's: this machine's own, and copies with leap seconds.
_NO_ZONE = re.compile(r"localtime|posixrules|Factory|posix/.*|right/.*")
# Far enough for 29 February on one weekday, which croniter finds within 28 years or 40 around a skipped leap year.
_YEARS_AHEAD = 50


@lru_cache(maxsize=4096)  # bounded: callers choose the texts; thousands of schedules share a few
def require_cron(expression: str) -> str:
    """The expression with single spaces; InvalidInput unless it is five fields of cron that ever fire."""
    cron = " ".join(expression.split())
    if len(expression) > _CRON_LENGTH or not _CRON.fullmatch(cron) or _CHANCE.search(cron):
        raise InvalidInput.of_field("cron_expression", "must be five fields: minute hour day month weekday")
    try:
        next(_wall_clock_ticks(cron, datetime(2024, 1, 1)))  # noqa: DTZ001 - the wall clock has no zone
    except (CroniterError, ValueError, KeyError, StopIteration) as error:
        raise InvalidInput.of_field("cron_expression", "is not a cron expression that ever fires") from error
    return cron


def require_new_cron(expression: str) -> str:
    """What `require_cron` tells of an expression somebody writes now; InvalidInput also for a range round the end."""
    cron = require_cron(expression)
    for number, text in enumerate(cron.lower().split()):
        _require_ranges(text, number)
    return cron


def _require_ranges(text: str, number: int) -> None:
    names: Any = croniter.ALPHACONV[number]  # its stubs know a type for each field
    for found in filter(None, map(_RANGE.fullmatch, text.split(","))):
        first, last = (int(names.get(bound, bound)) for bound in found.group("first", "last"))
        if first >= last:
            hint = "; as the last weekday Sunday is 7" if found["last"] == "sun" else ""
            told = f"{_FIELDS[number]}: the range {found[0]} must begin before it ends{hint}"
            raise InvalidInput.of_field("cron_expression", told)


@cache
def require_timezone(name: str) -> ZoneInfo:
    """The zone of an IANA name; InvalidInput for an unknown one, which is never taken for UTC."""
    if _ZONE.fullmatch(name) and not _NO_ZONE.fullmatch(name):
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            pass  # a folder or a file of another kind: unknown, too
    raise InvalidInput.of_field("timezone", "must be an IANA timezone such as Europe/Berlin")


def next_tick(cron: str, zone: ZoneInfo, *, after: datetime) -> datetime | None:
    """The first tick later than `after`, in UTC; None when there is none in the years ahead."""
    return next(ticks_after(cron, zone, after=after), None)


def ticks_after(cron: str, zone: ZoneInfo, *, after: datetime) -> Iterator[datetime]:
    """All ticks later than `after`, in UTC, ascending."""
    latest = after
    for wall_clock in _wall_clock_ticks(cron, after.astimezone(zone).replace(tzinfo=None)):
        tick = first_instant(wall_clock, zone)
        if tick > latest:
            latest = tick
            yield tick


def _wall_clock_ticks(cron: str, start: datetime) -> Iterator[datetime]:
    yield from croniter(cron, start, ret_type=datetime, max_years_between_matches=_YEARS_AHEAD)


def first_instant(wall_clock: datetime, zone: ZoneInfo) -> datetime:
    """When the clocks of the zone first show this local time, in UTC; where they skip it, when they have."""
    before = wall_clock.replace(tzinfo=zone, fold=0).utcoffset() or timedelta()
    after = wall_clock.replace(tzinfo=zone, fold=1).utcoffset() or timedelta()
    moment = (wall_clock - before).replace(tzinfo=UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == wall_clock:
        return moment
    # The clocks jump somewhere in (wall_clock - after, wall_clock - before]: narrow that down to the second.
    early = (wall_clock - after).replace(tzinfo=UTC)
    while moment - early > timedelta(seconds=1):
        middle = early + (moment - early) // 2
        middle -= timedelta(microseconds=middle.microsecond)
        if middle.astimezone(zone).utcoffset() == after:
            moment = middle
        else:
            early = middle
    return moment


def latest_tick(cron: str, *, until: datetime) -> datetime:
    """The last tick at or before `until` of a cron read in UTC."""
    just_after = until + timedelta(microseconds=1)
    previous: datetime = croniter(cron, just_after, ret_type=datetime).get_prev()
    return previous
