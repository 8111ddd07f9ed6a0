"""What each schedule is owed: which of its due ticks run, together or one by one, and which are skipped and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from shared.domain.schedule import ticks_after

MOST_CAUGHT_UP = 100
# A schedule whose backlog is longer is planned in several triggers.
_MOST_EXAMINED = 10_000
_DATE = "{date}"


@dataclass(frozen=True)
class Schedule:
    """A due schedule: what it says, and how its tenant stands. `next_run_time` is the earliest tick owed.

    `deferred_at`: the last trigger that saw a due tick and left it, because the tenant's daily limit was used up.
    """

    config_id: str
    cron_expression: str
    zone: ZoneInfo
    next_run_time: datetime
    misfire_policy: str = "coalesce"
    overlap_policy: str = "wait"
    date_offset_days: int = 1
    parameters: Mapping[str, Any] = field(default_factory=dict)
    is_at_daily_limit: bool = False
    has_unfinished_run: bool = False
    deferred_at: datetime | None = None


@dataclass(frozen=True)
class TickOutcome:
    """What becomes of one tick, or of a row of them: a run with these parameters, or nothing, for `skip_reason`."""

    first_tick: datetime
    last_tick: datetime
    tick_count: int
    parameters: Mapping[str, Any] = field(default_factory=dict)
    skip_reason: str | None = None


@dataclass(frozen=True)
class TickPlan:
    """Every due tick's outcome, and the tick that is owed next; None when the schedule never fires again.

    A deferred plan has no outcomes: its ticks stay due and nothing is lost.
    """

    config_id: str
    moves_from: datetime
    next_run_time: datetime | None
    outcomes: tuple[TickOutcome, ...] = ()
    deferred_reason: str | None = None


def plan_ticks(schedule: Schedule, *, now: datetime, previous_trigger: datetime, max_days: int) -> TickPlan:
    """The plan of one due schedule.

    `previous_trigger` is when the trigger before this one should have come: a due tick of that time or before was
    missed, unless a trigger saw it and deferred it. `max_days` is the longest range of dates one run may cover.
    """
    if schedule.is_at_daily_limit:
        return TickPlan(schedule.config_id, schedule.next_run_time, schedule.next_run_time, (), "DAILY_LIMIT")
    ticks, following = _due_ticks(schedule, now)
    outcomes = _without_overlap(schedule, _outcomes(schedule, ticks, previous_trigger, max_days))
    return TickPlan(schedule.config_id, schedule.next_run_time, following, tuple(outcomes))


def _due_ticks(schedule: Schedule, now: datetime) -> tuple[list[datetime], datetime | None]:
    """The ticks that are planned now, and the one after them."""
    ticks = [schedule.next_run_time]  # owed as it stands, whatever cron and timezone say today
    for tick in ticks_after(schedule.cron_expression, schedule.zone, after=schedule.next_run_time):
        if tick > now or len(ticks) == _MOST_EXAMINED:
            return ticks, tick
        ticks.append(tick)
    return ticks, None


def _outcomes(
    schedule: Schedule, ticks: Sequence[datetime], previous_trigger: datetime, max_days: int
) -> list[TickOutcome]:
    if schedule.misfire_policy == "coalesce":
        return [_run(schedule, ticks, max_days)]
    if schedule.misfire_policy == "all":
        dropped, reason = ticks[:-MOST_CAUGHT_UP], "MISFIRE_LIMIT"
    else:
        dropped, reason = [tick for tick in ticks if _was_missed(schedule, tick, previous_trigger)], "MISFIRE"
    skipped = set(dropped)
    runs = [_run(schedule, [tick], max_days) for tick in ticks if tick not in skipped]
    return [*_skipped(dropped, reason), *runs]


def _was_missed(schedule: Schedule, tick: datetime, previous_trigger: datetime) -> bool:
    was_deferred = schedule.deferred_at is not None and tick <= schedule.deferred_at
    return tick <= previous_trigger and not was_deferred


def _without_overlap(schedule: Schedule, outcomes: list[TickOutcome]) -> list[TickOutcome]:
    """The outcomes with every run skipped that would overlap another of this schedule, where it says so."""
    if schedule.overlap_policy != "skip":
        return outcomes
    runs = [outcome for outcome in outcomes if outcome.skip_reason is None]
    started = [] if schedule.has_unfinished_run else runs[:1]
    others = [outcome for outcome in outcomes if outcome.skip_reason is not None]
    overlapping = [tick for run in runs[len(started) :] for tick in (run.first_tick, run.last_tick)]
    count = sum(run.tick_count for run in runs[len(started) :])
    return [*others, *started, *_skipped(overlapping, "OVERLAP", count)]


def _skipped(ticks: Sequence[datetime], reason: str, count: int | None = None) -> list[TickOutcome]:
    if not ticks:
        return []
    return [TickOutcome(ticks[0], ticks[-1], len(ticks) if count is None else count, {}, reason)]


def _run(schedule: Schedule, ticks: Sequence[datetime], max_days: int) -> TickOutcome:
    return TickOutcome(ticks[0], ticks[-1], len(ticks), _parameters(schedule, ticks[0], ticks[-1], max_days))


def _parameters(schedule: Schedule, first_tick: datetime, last_tick: datetime, max_days: int) -> dict[str, Any]:
    """The schedule's parameters with `{date}` filled: the ticks' local dates, less the offset.

    A `date` that stands for several days becomes a range of at most `max_days`, the latest ones; where no parameter
    asks for a date, the run is incremental and needs none.
    """
    offset = timedelta(days=schedule.date_offset_days)
    first, last = ((tick.astimezone(schedule.zone).date() - offset) for tick in (first_tick, last_tick))
    parameters = dict(schedule.parameters)
    if parameters.get("date") == _DATE and first != last:
        del parameters["date"]
        earliest = max(first, last - timedelta(days=max_days - 1))
        parameters |= {"start_date": earliest.isoformat(), "end_date": last.isoformat()}
    return with_date(parameters, last.isoformat())


def with_date(parameters: Mapping[str, Any], day: str) -> dict[str, Any]:
    """The parameters with every `{date}` filled."""
    return {name: value.replace(_DATE, day) if isinstance(value, str) else value for name, value in parameters.items()}
