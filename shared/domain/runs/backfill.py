"""Plans backfills: one run for each calendar month of a long range of days, within a part of the daily limit."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from shared.domain.templates.templates import ASKS_FOR_BACKFILL, Template, resolve_parameters
from shared.errors import InvalidInput

BACKFILL_PRIORITY = -100  # below the priority of every other run, even of one that was retried often
MAX_MONTHS = 37  # three years and the present month
_RANGE = ("start_date", "end_date")


@dataclass(frozen=True)
class Month:
    """The days of one calendar month that a run covers, both inclusive."""

    first: date
    last: date

    def to_dates(self) -> dict[str, str]:
        """The dates as a run's parameters."""
        return {"start_date": self.first.isoformat(), "end_date": self.last.isoformat()}

    def run_id(self, backfill_id: str) -> str:
        """The id of this month's run. A repeated request for the backfill gets the same ids."""
        return str(uuid.uuid5(uuid.UUID(backfill_id), self.first.isoformat()))


@dataclass(frozen=True)
class Backfill:
    """A requested backfill: `months`, newest first, and the `parameters` of every run without dates."""

    months: tuple[Month, ...]
    parameters: Mapping[str, Any]
    is_preview: bool


@dataclass(frozen=True)
class BackfillQuota:
    """The part of a tenant's daily limit that a backfill may use.

    `reserved`: runs of today that waiting scheduled runs and due schedules will need. On a later day each of the
    active `schedules` needs one run.
    """

    daily_limit: int
    used: int
    reserved: int
    schedules: int

    @property
    def remaining(self) -> int:
        """The number of runs that a backfill may start today."""
        return max(0, self.daily_limit - self.used - self.reserved)

    def days_until_done(self, runs: int) -> int | None:
        """The number of UTC days until the last of this number of runs starts; 0 is today. None if none can start."""
        later, a_day = max(0, runs - self.remaining), self.daily_limit - self.schedules
        if later == 0:
            return 0
        return -(-later // a_day) if a_day > 0 else None

    def to_preview(self, runs: int) -> dict[str, Any]:
        """The fields of the answer."""
        return {
            "daily_limit": self.daily_limit,
            "used_today": self.used,
            "reserved_today": self.reserved,
            "remaining_today": self.remaining,
            "runs_needed": runs,
            "days_until_done": self.days_until_done(runs),
        }


def asks_for_backfill(body: Mapping[str, Any]) -> bool:
    """Whether a run request is for a backfill."""
    return any(name in body for name in ASKS_FOR_BACKFILL)


def plan_backfill(template: Template, body: Mapping[str, Any], *, today: date) -> Backfill:
    """The runs of `{"start_date", "end_date", "split": "month"}` and the template's parameters.

    InvalidInput names every bad field. `today` is the UTC day; a backfill cannot cover days after it.
    """
    found = list(_field_errors(body))
    rest = {name: value for name, value in body.items() if name not in ASKS_FOR_BACKFILL}
    # A backfill's limit is in months; each of its runs is checked against the template's limit in days.
    wider = template.model_copy(update={"max_days": date.max.toordinal()})
    try:
        resolved = resolve_parameters(wider, rest, beside=ASKS_FOR_BACKFILL)
    except InvalidInput as error:
        raise InvalidInput.of_fields(found + error.facts["errors"]) from None
    if not found:
        first, last = (date.fromisoformat(resolved[name]) for name in _RANGE)
        found = list(_range_errors(template, first, last, today))
    if found:
        raise InvalidInput.of_fields(found)
    parameters = {name: value for name, value in resolved.items() if name not in _RANGE}
    return Backfill(_months(first, last), parameters, is_preview=bool(body.get("preview")))


def _field_errors(body: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    if "split" not in body:
        yield {"field": "split", "message": "is missing; only a backfill has a preview, and it needs split: month"}
    elif body["split"] != "month":
        yield {"field": "split", "message": "must be month"}
    if not isinstance(body.get("preview", False), bool):
        yield {"field": "preview", "message": "must be true or false"}
    if "date" in body:
        yield {"field": "date", "message": "a backfill takes start_date and end_date"}
    elif not any(name in body for name in _RANGE):
        for name in _RANGE:
            yield {"field": name, "message": "a backfill needs it"}


def _range_errors(template: Template, first: date, last: date, today: date) -> Iterator[dict[str, str]]:
    count = 12 * (last.year - first.year) + last.month - first.month + 1
    if count > MAX_MONTHS:
        message = f"makes a range of {count} calendar months; at most {MAX_MONTHS} are allowed"
        yield {"field": "end_date", "message": message}
        return
    if last > today:
        yield {"field": "end_date", "message": f"must not be after today, {today} in UTC"}
    if max((month.last - month.first).days + 1 for month in _months(first, last)) > template.max_days:
        yield {
            "field": "split",
            "message": f"cannot be month: a run of this pipeline takes at most {template.max_days} days",
        }


def _months(first: date, last: date) -> tuple[Month, ...]:
    months = []
    while last >= first:
        months.append(Month(max(first, last.replace(day=1)), last))
        last = last.replace(day=1) - timedelta(days=1)
    return tuple(months)
