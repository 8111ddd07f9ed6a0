"""Validates cron expressions: five fields, each within its range, that match at least one time.

The syntax is that of most schedulers. Months and weekdays may be names. `L` is the month's last day, `L5` its last
Friday, `mon#2` its second Monday. If neither day nor weekday is `*`, a day that matches one of them fires. That also
holds if one of them is a step such as `*/2`, for which Unix's cron requires both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from typing import Any

from croniter import CroniterError, croniter

from shared.errors import InvalidInput

_CRON_LENGTH = 100
_FIELD = r"[0-9A-Za-z*,/#-]+"
_CRON = re.compile(rf"{_FIELD}(?: {_FIELD}){{4}}")
# croniter has h and r for hashed and random values. They are refused, because a schedule fires at the times it names.
_CHANCE = re.compile(r"(?<![a-z])[hr](?![a-z])", re.IGNORECASE)
_RANGES = {"minute": (0, 59), "hour": (0, 23), "day": (1, 31), "month": (1, 12), "weekday": (0, 7)}
# For each field: the unit that it divides, its first value, and the number of its values. Weekday 7 is Sunday, as 0.
_SPANS = {
    "minute": ("hour", 0, 60), "hour": ("day", 0, 24), "day": ("month", 1, 31), "month": ("year", 1, 12),
    "weekday": ("week", 0, 7),
}  # fmt: skip
# croniter accepts ranges beyond the end of a field (5-1 continues at its first value, 5-5 is every value), and steps
# that are longer than their range (*/90 is 0). New schedules may not use them, but stored ones continue to fire.
_PART = re.compile(r"(?:\*|(?P<first>\d+|[a-z]{3})(?:-(?P<last>\d+|[a-z]{3}|l))?)(?:/(?P<step>\d+))?", re.ASCII)
_OTHER_SYNTAX = re.compile(r"l|l[0-7]|(?P<first>[0-7]|[a-z]{3})#[1-5]", re.ASCII)
# Long enough for 29 February on a given weekday: it comes within 28 years, or within 40 around a skipped leap year.
_YEARS_AHEAD = 50


@lru_cache(maxsize=4096)  # bounded, because callers choose the texts; thousands of schedules share a few
def require_cron(expression: str) -> str:
    """The expression with single spaces. It raises InvalidInput unless there are five fields and it ever fires."""
    cron = _require_fields(expression)
    if not _ever_fires(cron):
        raise _refused("never fires")
    return cron


def require_new_cron(expression: str) -> str:
    """As `require_cron`, for a new expression: every part must also be within its field's range."""
    cron = _require_fields(expression)
    for name, text in zip(_RANGES, cron.lower().split(), strict=True):
        for part in text.split(","):
            _require_part(part, name)
    if not _ever_fires(cron):
        raise _refused("never fires, because no year has a day that matches")
    return cron


def wall_clock_ticks(cron: str, start: datetime) -> Iterator[datetime]:
    """The local times after `start` that the expression matches, ascending and without a zone."""
    yield from croniter(cron, start, ret_type=datetime, max_years_between_matches=_YEARS_AHEAD)


def matches_either_day(cron: str) -> bool:
    """Whether day and weekday are both given and one of them begins with a star. Unix's cron would require both."""
    day, weekday = cron.split()[2], cron.split()[4]
    is_open = any(re.fullmatch(r"\*(?:/0*1)?", text) for text in (day, weekday))
    return not is_open and (day.startswith("*") or weekday.startswith("*"))


def day_rule(cron: str) -> str:
    """A sentence that says on which days the expression fires, by day of the month and weekday."""
    day, weekday = cron.split()[2], cron.split()[4]
    if day == weekday == "*":
        return "It fires every day."
    if weekday == "*":
        return f"It fires on these days of the month: {day}."
    if day == "*":
        return f"It fires on these weekdays: {weekday}."
    return f"It fires when the day of the month ({day}) or the weekday ({weekday}) matches: one match is enough."


def _ever_fires(cron: str) -> bool:
    try:
        next(wall_clock_ticks(cron, datetime(2024, 1, 1)))  # noqa: DTZ001 - the wall clock has no zone
    except (CroniterError, ValueError, KeyError, StopIteration):
        return False
    return True


def uneven_steps(cron: str) -> list[str]:
    """A sentence for each step that does not divide its unit evenly, or that leaves its field only one value."""
    warnings = []
    for text, (name, (span, first, count)) in zip(cron.split(), _SPANS.items(), strict=True):
        found = re.fullmatch(r"\*/(\d+)", text)
        if not found:
            continue
        step = int(found[1])
        last = first + (count - 1) // step * step
        if last == first:
            warnings.append(f"{name} {text} is {first} only.")
        elif count % step:
            warnings.append(f"{name} {text} begins anew each {span}: after {last} comes {first}, not {last + step}.")
    return warnings


def _require_fields(expression: str) -> str:
    cron = " ".join(expression.split())
    if len(expression) > _CRON_LENGTH or not _CRON.fullmatch(cron) or _CHANCE.search(cron):
        raise _refused("must be five fields: minute hour day month weekday, for example 0 2 * * *")
    return cron


def _require_part(part: str, name: str) -> None:
    found = _PART.fullmatch(part)
    if found is None:
        return _require_other_syntax(part, name)
    low, high = _RANGES[name]
    first = low if found["first"] is None else _number(found["first"], name)
    last = high if found["last"] in (None, "l") else _number(found["last"], name)
    if found["last"] and first >= last:
        hint = "; use 7 for Sunday as the last weekday" if found["last"] == "sun" else ""
        raise _refused(f"{name}: the range {found[0]} must begin before it ends{hint}")
    if found["last"] == "l" and name != "day":
        raise _refused(f"{name}: {part} is not valid; only the day may be L, the last day")
    # A step of a star may be as long as the field. A step from a number must reach a second value.
    longest = high if found["first"] is None else last - first
    if found["step"] and not 1 <= int(found["step"]) <= longest:
        rule = f"must be 1 to {longest}" if longest else "leaves no second value"
        raise _refused(f"{name}: the step {found['step']} of {part} {rule}; the range of {name} is {low} to {high}")
    return None


def _require_other_syntax(part: str, name: str) -> None:
    found = _OTHER_SYNTAX.fullmatch(part)
    is_known = found and ((name == "weekday" and part != "l") or (name == "day" and part == "l"))
    if not is_known:
        low, high = _RANGES[name]
        raise _refused(f"{name}: {part} is not valid; the range of {name} is {low} to {high}")
    if found and found["first"]:
        _number(found["first"], name)


def _number(text: str, name: str) -> int:
    names: Any = croniter.ALPHACONV[list(_RANGES).index(name)]  # its type stubs give each field a type of its own
    low, high = _RANGES[name]
    if text.isdigit() or text in names:
        number = int(names.get(text, text))
        if low <= number <= high:
            return number
    raise _refused(f"{name}: {text} is not in the range {low} to {high}")


def _refused(message: str) -> InvalidInput:
    return InvalidInput.of_field("cron_expression", message)
