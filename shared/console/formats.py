"""Writes figures, days and moments as people read them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Context, Decimal

_CENT = Decimal("0.01")
_EXACT = Context(prec=100, rounding=ROUND_HALF_UP)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MINUS, _NARROW_SPACE = "\N{MINUS SIGN}", "\N{NARROW NO-BREAK SPACE}"


def amount(value: Decimal) -> str:
    """An amount of money with two decimals, such as 1,234.50. An amount that would look like zero says so: <0.01."""
    rounded = value.quantize(_CENT, context=_EXACT)
    if rounded == 0 and value != 0:
        return "<0.01" if value > 0 else f">{_MINUS}0.01"
    return f"{_MINUS if rounded < 0 else ''}{abs(rounded):,}"


def change(after: Decimal, before: Decimal) -> str:
    """The change of an amount in per cent, such as +12.5 %; "new" if there was nothing before."""
    if before == 0:
        return "new" if after != 0 else f"0.0{_NARROW_SPACE}%"
    return _percent(_EXACT.divide(after - before, abs(before)), signed=True)


def share(part: Decimal, whole: Decimal) -> str:
    """The share of an amount in per cent, or nothing if the whole is not positive."""
    return _percent(_EXACT.divide(part, whole), signed=False) if whole > 0 else ""


def _percent(ratio: Decimal, *, signed: bool) -> str:
    value = (ratio * 100).quantize(Decimal("0.1"), context=_EXACT)
    sign = _MINUS if value < 0 else "+" if signed and value > 0 else ""
    return f"{sign}{abs(value):,}{_NARROW_SPACE}%"


def day(value: date) -> str:
    """A day, such as 17 Nov 2025."""
    return f"{value.day} {_MONTHS[value.month - 1]} {value.year}"


def moment(value: datetime) -> str:
    """A moment in UTC, such as 17 Nov 2025, 09:30 UTC."""
    utc = value.astimezone(UTC)
    return f"{day(utc.date())}, {utc:%H:%M} UTC"


def clock(value: datetime) -> str:
    """A moment on the clock of its own timezone, such as Tue 17 Nov 2025, 02:00."""
    return f"{_WEEKDAYS[value.weekday()]} {day(value.date())}, {value:%H:%M}"


def span(value: float) -> str:
    """How long something has lasted, such as 40 s, 12 min, 3 h 20 min or 2 d 4 h."""
    minutes, rest = divmod(int(value), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min" if minutes else f"{rest} s"


def seconds(value: float) -> str:
    """A duration, such as 0.4 s, 12 s or 3 min 20 s."""
    if value < 10:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
