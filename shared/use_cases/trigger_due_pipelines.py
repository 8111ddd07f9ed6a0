"""Triggers due schedules: one read, a plan for each, one transaction. One schedule or ten thousand take two jobs."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from shared.adapters.google.tasks import Tasks
from shared.adapters.stores.scheduler_jobs import SchedulerJobs
from shared.adapters.stores.schedules import Schedules, run_bytes
from shared.configuration.templates import find_template
from shared.domain.dispatching.queue_state import PLATFORM_BUSY, SUBSCRIPTION_NOT_LIVE
from shared.domain.schedules.cron_syntax import require_cron
from shared.domain.schedules.tick_plan import (
    DueSchedule,
    PlannedSchedule,
    Schedule,
    TickOutcome,
    TickPlan,
    merged_skips,
    plan_ticks,
)
from shared.domain.schedules.tick_room import Room
from shared.domain.schedules.ticks import latest_tick, next_tick, require_timezone
from shared.domain.templates.templates import Template, resolve_parameters, source_of
from shared.errors import BrokenTemplate, InvalidInput
from shared.runtime import log
from shared.use_cases.contention import until_applied

JOB = "trigger_due_pipelines"
_UTC = require_timezone("UTC")
# Ticks are computed one by one. So many fit well into the function's timeout.
_MAX_TICKS = 500_000


@dataclass(frozen=True)
class Triggered:
    """The result of one call: the schedules that it moved, and those that stay due, with their reasons."""

    now: datetime
    moved: Sequence[PlannedSchedule] = ()
    left: Sequence[tuple[str, str]] = ()

    @property
    def skipped(self) -> list[dict[str, str]]:
        """Every schedule that stays due, and every tick that was skipped."""
        passed_over = [
            (schedule.plan.config_id, outcome.skip_reason)
            for schedule in self.moved
            for outcome in schedule.plan.outcomes
            if outcome.skip_reason
        ]
        deferred = [
            (schedule.plan.config_id, schedule.plan.deferred_reason)
            for schedule in self.moved
            if schedule.plan.deferred_reason
        ]
        return [{"config_id": config, "reason": reason} for config, reason in [*self.left, *deferred, *passed_over]]

    def counts(self) -> dict[str, int]:
        """The numbers of the answer."""
        queued = [schedule.plan.run_count for schedule in self.moved]
        return {
            "triggered_count": sum(count > 0 for count in queued),
            "queued_count": sum(queued),
            "skipped_count": len(self.skipped),
        }


@dataclass(frozen=True)
class ScheduleTrigger:
    """The owner of `next_run_time`. `cron` is the trigger's own, in UTC. It decides whether a tick was missed."""

    schedules: Schedules
    tasks: Tasks
    jobs: SchedulerJobs
    cron: str
    rng: random.Random = field(default_factory=random.SystemRandom)

    def queue_due_runs(self) -> dict[str, Any]:
        """Queue the runs of due schedules. Return the answer as docs/openapi.json describes it.

        It raises Unavailable if other writers kept changing the schedules.
        """
        with self.jobs.recording(JOB) as counts:
            triggered = until_applied(self._read_and_apply, rng=self.rng)
            counts.update(triggered.counts())
        following = next_tick(self.cron, _UTC, after=triggered.now)
        return {**counts, "next_trigger_time": following, "skipped": triggered.skipped}

    def _read_and_apply(self) -> Triggered:
        now, due = self.schedules.read_due()
        previous_trigger = latest_tick(self.cron, until=latest_tick(self.cron, until=now) - timedelta(seconds=1))
        planned, left = plan_due(due, now=now, previous_trigger=previous_trigger)
        if not planned:
            return Triggered(now, (), left)
        try:
            moved = self.schedules.apply(now, planned)
        finally:
            self.tasks.kick()  # if a later transaction failed, an earlier one may have queued runs
        triggered = Triggered(now, [schedule for schedule in planned if schedule.plan.config_id in moved], left)
        log.info("schedules triggered", lost_to_another_trigger=len(planned) - len(moved), **triggered.counts())
        return triggered


def plan_due(
    due: Sequence[DueSchedule], *, now: datetime, previous_trigger: datetime, most_ticks: int = _MAX_TICKS
) -> tuple[list[PlannedSchedule], list[tuple[str, str]]]:
    """The plans of the schedules that are served now, and the other schedules, which stay due, with their reasons.

    The schedules that became due last come first. So a long backlog, of one tenant or of all after an outage, takes
    several triggers and does not delay other schedules.
    """
    planned: list[PlannedSchedule] = []
    left: list[tuple[str, str]] = []
    rooms: dict[str, Room] = {}
    broken: set[str] = set()
    ticks = 0
    for schedule in sorted(due, key=lambda schedule: schedule.next_run_time, reverse=True):
        if reason := _not_served(schedule):
            left.append((schedule.config_id, reason))
        elif ticks >= most_ticks:
            left.append((schedule.config_id, PLATFORM_BUSY))
        else:
            room = rooms.setdefault(schedule.tenant_id, _room(schedule))
            try:
                plan = _planned(schedule, room, now, previous_trigger)
            except BrokenTemplate as error:
                broken.add(error.message)
                left.append((schedule.config_id, "TEMPLATE_BROKEN"))
                continue
            except Exception as error:  # noqa: BLE001 - a defect; other schedules are still planned
                log.error("schedule not planned", config_id=schedule.config_id, exception=error)
                left.append((schedule.config_id, "NOT_PLANNED"))
                continue
            planned.append(plan)
            room.take(plan.plan.run_count)
            ticks += sum(outcome.tick_count for outcome in plan.plan.outcomes)
    for problem in sorted(broken):  # once, however many schedules have the template
        log.error("template not loaded", problem=problem)
    return planned, left


def _room(schedule: DueSchedule) -> Room:
    limits = {"daily_limit": schedule.daily_limit, "taken_today": schedule.taken_today}
    return Room.of_tenant(**limits, waiting_runs=schedule.waiting_runs)


def _not_served(schedule: DueSchedule) -> str | None:
    """The reason why the schedule's tenant gets no run now, so that its ticks stay due."""
    if not schedule.is_tenant_active:
        return "TENANT_NOT_ACTIVE"
    return None if schedule.is_subscription_live else SUBSCRIPTION_NOT_LIVE


def _planned(due: DueSchedule, room: Room, now: datetime, previous_trigger: datetime) -> PlannedSchedule:
    """The plan of the schedule. A schedule that cannot fire any more is skipped and set inactive."""
    template = find_template(due.provider, due.domain, due.pipeline_template)
    try:
        schedule = _schedule(due, room)
    except InvalidInput as error:
        log.error("schedule is not valid", config_id=due.config_id, tenant_id=due.tenant_id, reason=error.message)
        return _ended(due, "INVALID_SCHEDULE")
    if template is None:
        return _ended(due, "TEMPLATE_GONE")
    plan = plan_ticks(schedule, now=now, previous_trigger=previous_trigger, max_days=template.max_days)
    checked = merged_skips([_resolved(outcome, template) for outcome in plan.outcomes])
    sources = [source_of(template, outcome.parameters, due.credential_source) for outcome in checked]
    return PlannedSchedule(replace(plan, outcomes=checked), sources)


def _schedule(due: DueSchedule, room: Room) -> Schedule:
    most, limited_by = room.of_schedule(bytes_per_run=run_bytes(due.parameters, due.credential_source))
    return Schedule(
        config_id=due.config_id,
        cron_expression=require_cron(due.cron_expression),
        zone=require_timezone(due.timezone),
        next_run_time=due.next_run_time,
        misfire_policy=due.misfire_policy,
        overlap_policy=due.overlap_policy,
        date_offset_days=due.date_offset_days,
        parameters=due.parameters,
        room=most,
        limited_by=limited_by,
        has_unfinished_run=due.has_unfinished_run,
        deferred_at=due.deferred_at,
    )


def _ended(due: DueSchedule, reason: str) -> PlannedSchedule:
    outcome = TickOutcome(due.next_run_time, due.next_run_time, 1, {}, reason)
    return PlannedSchedule(TickPlan(due.config_id, due.next_run_time, None, (outcome,)), is_active=False)


def _resolved(outcome: TickOutcome, template: Template) -> TickOutcome:
    """The outcome with the run's resolved parameters. It is skipped if the template does not accept them any more."""
    if outcome.skip_reason:
        return outcome
    try:
        return replace(outcome, parameters=resolve_parameters(template, outcome.parameters))
    except InvalidInput:
        return replace(outcome, parameters={}, skip_reason="INVALID_PARAMETERS")
