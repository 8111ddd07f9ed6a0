"""Plans due schedules: which ticks get a run, alone or together with others, and which are skipped, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from shared.domain.schedules.ticks import ticks_after

MAX_CAUGHT_UP = 100  # ticks of one schedule that get a run each
# A schedule with a longer backlog is planned in several triggers. Only the latest of the ticks that run one by one are
# caught up, so no tick gets a run before all due ticks have been seen.
_MAX_TOGETHER, _MAX_PASSED_OVER = 10_000, 100_000
_DATE = "{date}"


@dataclass(frozen=True)
class Schedule:
    """A due schedule with its settings and its tenant's limits. `next_run_time` is the earliest open tick.

    `room`: how many runs the tenant's limits let it queue now. `limited_by` says which of the limits is the narrowest.
    `deferred_at`: the time of the last trigger that saw a due tick and left it because there was no room.
    """

    config_id: str
    cron_expression: str
    zone: ZoneInfo
    next_run_time: datetime
    misfire_policy: str = "coalesce"
    overlap_policy: str = "wait"
    date_offset_days: int = 1
    parameters: Mapping[str, Any] = field(default_factory=dict)
    room: int = MAX_CAUGHT_UP
    limited_by: str = "WAITING_LIMIT"
    has_unfinished_run: bool = False
    deferred_at: datetime | None = None


@dataclass(frozen=True)
class TickOutcome:
    """The outcome of one or more consecutive ticks: a run with these parameters, or no run because of `skip_reason`."""

    first_tick: datetime
    last_tick: datetime
    tick_count: int
    parameters: Mapping[str, Any] = field(default_factory=dict)
    skip_reason: str | None = None


@dataclass(frozen=True)
class TickPlan:
    """The outcome of every due tick, and the next open tick; None if the schedule never fires again.

    Ticks that a plan defers stay due, from `next_run_time` on, so that none is lost.
    """

    config_id: str
    moves_from: datetime
    next_run_time: datetime | None
    outcomes: tuple[TickOutcome, ...] = ()
    deferred_reason: str | None = None

    @property
    def run_count(self) -> int:
        """The number of runs that the plan queues."""
        return sum(outcome.skip_reason is None for outcome in self.outcomes)


def plan_ticks(schedule: Schedule, *, now: datetime, previous_trigger: datetime, max_days: int) -> TickPlan:
    """The plan of one due schedule.

    `previous_trigger` is the time at which the trigger before this one was due. A tick of that time or before was
    missed, unless a trigger saw it and deferred it. `max_days` is the longest range of dates that a run may cover.
    """
    plan = partial(TickPlan, schedule.config_id, schedule.next_run_time)
    if schedule.room <= 0:
        return plan(schedule.next_run_time, (), schedule.limited_by)
    ticks, following = _due_ticks(schedule, now)
    if schedule.misfire_policy == "coalesce":
        return plan(following, tuple(_without_overlap(schedule, [_run(schedule, ticks, max_days)])))
    missed = {tick for tick in ticks if _was_missed(schedule, tick, previous_trigger)}
    are_all = following is None or following > now
    taken = [tick for tick in ticks if tick not in missed][-MAX_CAUGHT_UP:] if are_all else []
    deferred = None
    if schedule.overlap_policy != "skip" and len(taken) > schedule.room:  # with "skip" at most one run follows
        following, deferred = taken[schedule.room], schedule.limited_by
        taken, ticks = taken[: schedule.room], ticks[: ticks.index(following)]
    left = [tick for tick in ticks if tick not in set(taken)]
    outcomes = [
        *_skipped([tick for tick in left if tick in missed], "MISFIRE"),
        *_skipped([tick for tick in left if tick not in missed], "MISFIRE_LIMIT"),
        *(_run(schedule, [tick], max_days) for tick in taken),
    ]
    return plan(following, tuple(_without_overlap(schedule, outcomes)), deferred)


def _due_ticks(schedule: Schedule, now: datetime) -> tuple[list[datetime], datetime | None]:
    """The due ticks that are planned now, and the tick after them."""
    most = _MAX_TOGETHER if schedule.misfire_policy == "coalesce" else _MAX_PASSED_OVER
    ticks = [schedule.next_run_time]  # this tick stays due, even if cron or timezone have changed since
    for tick in ticks_after(schedule.cron_expression, schedule.zone, after=schedule.next_run_time):
        if tick > now or len(ticks) == most:
            return ticks, tick
        ticks.append(tick)
    return ticks, None


def _was_missed(schedule: Schedule, tick: datetime, previous_trigger: datetime) -> bool:
    """Whether the schedule skips the tick because it comes too late."""
    if schedule.misfire_policy != "skip":
        return False
    was_deferred = schedule.deferred_at is not None and tick <= schedule.deferred_at
    return tick <= previous_trigger and not was_deferred


def _without_overlap(schedule: Schedule, outcomes: list[TickOutcome]) -> list[TickOutcome]:
    """The outcomes. If the policy says so, runs that would overlap another run of the schedule are skipped."""
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


def merged_skips(outcomes: Sequence[TickOutcome]) -> tuple[TickOutcome, ...]:
    """The outcomes. Ticks that are skipped for the same reason become one outcome."""
    merged: dict[object, TickOutcome] = {}
    for outcome in outcomes:
        same = merged.get(outcome.skip_reason) if outcome.skip_reason else None
        if same is None:
            merged[outcome.skip_reason or outcome.last_tick] = outcome
            continue
        first, last = min(same.first_tick, outcome.first_tick), max(same.last_tick, outcome.last_tick)
        merged[outcome.skip_reason] = replace(
            same, first_tick=first, last_tick=last, tick_count=same.tick_count + outcome.tick_count
        )
    return tuple(merged.values())


def _run(schedule: Schedule, ticks: Sequence[datetime], max_days: int) -> TickOutcome:
    return TickOutcome(ticks[0], ticks[-1], len(ticks), _parameters(schedule, ticks[0], ticks[-1], max_days))


def _parameters(schedule: Schedule, first_tick: datetime, last_tick: datetime, max_days: int) -> dict[str, Any]:
    """The schedule's parameters. `{date}` is filled with the ticks' local dates minus the offset.

    The parameter `date` becomes a range if the ticks have several dates: the latest `max_days` of them. A schedule
    whose parameters have no date makes incremental runs.
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
    """The parameters with filled `{date}`."""
    return {name: value.replace(_DATE, day) if isinstance(value, str) else value for name, value in parameters.items()}


@dataclass(frozen=True)
class DueSchedule:
    """A schedule with a due tick and its tenant's limits, as read from BigQuery. Times are UTC.

    `taken_today`: runs that started today, and scheduled runs that will. `waiting_runs`: the tenant's waiting runs.
    """

    config_id: str
    tenant_id: str
    provider: str
    domain: str
    pipeline_template: str
    cron_expression: str
    timezone: str
    next_run_time: datetime
    misfire_policy: str
    overlap_policy: str
    date_offset_days: int
    parameters: Mapping[str, Any]
    deferred_at: datetime | None
    is_tenant_active: bool
    is_subscription_live: bool
    daily_limit: int
    taken_today: int
    waiting_runs: int
    has_unfinished_run: bool
    credential_source: str | None


@dataclass(frozen=True)
class PlannedSchedule:
    """A plan that can be applied. `sources` has the source of each outcome's run."""

    plan: TickPlan
    sources: Sequence[str | None] = ()
    is_active: bool = True
