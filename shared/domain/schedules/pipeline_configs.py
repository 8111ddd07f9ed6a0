"""Validates requests about schedules, the rows of tenant_pipeline_configs, and computes a schedule after a change."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice, pairwise, takewhile
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from shared.domain.dispatching.retry import MAX_RETRIES
from shared.domain.requests.auth import KeyOwner
from shared.domain.requests.creation import is_repeated_call
from shared.domain.requests.parsing import validated
from shared.domain.schedules.cron_syntax import matches_either_day, require_cron, require_new_cron, uneven_steps
from shared.domain.schedules.tick_plan import with_date
from shared.domain.schedules.ticks import is_shown, next_tick, require_timezone, ticks_after
from shared.domain.templates.templates import Template, resolve_parameters
from shared.errors import InvalidInput

MAX_CONFIGS = 200  # schedules of one tenant
_NAMESPACE = uuid.UUID("a1c0b6c2-1c0a-4d59-8f0e-52f1d0a5f3be")
_SOME_DAY = "2025-11-17"
# Fields that answers show and no request may change.
_FIXED = frozenset({
    "config_id", "tenant_id", "pipeline_id", "provider", "domain", "template", "status", "next_run_time",
    "last_run_time", "last_run_status", "created_by_user_id", "created_at", "updated_at",
})  # fmt: skip
_MAX_GIVEN_UP = 10_000  # more ticks than these are not counted
_TICKS_EXAMINED, _TIME_EXAMINED = 100, timedelta(days=366)
_SHARED_TICKS = {
    "coalesce": "the next trigger runs the ticks in between together as one",
    "all": "the next trigger runs the ticks in between one after the other",
    "skip": "the next trigger runs the ticks in between one after the other",
}


def _by_field(check: Callable[[str], object]) -> Callable[[str], str]:
    """A check of one field as a pydantic validator, so that errors of several fields are reported together."""

    def checked(value: str) -> str:
        try:
            proved = check(value)
        except InvalidInput as error:
            raise ValueError(error.facts["errors"][0]["message"]) from None
        return str(proved)

    return checked


class ConfigSettings(BaseModel):
    """The settings of a schedule that a user may set and change."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    # A stored schedule may have a cron that only earlier versions accepted. A new cron is checked by NewCronSettings.
    cron_expression: Annotated[str, AfterValidator(_by_field(require_cron))]
    timezone: Annotated[str, AfterValidator(_by_field(require_timezone))] = "UTC"
    is_active: bool = True
    parameters: dict[str, Any] = {}
    max_retries: Annotated[int, Field(ge=0, le=MAX_RETRIES)] = 3
    priority: Annotated[int, Field(ge=0, le=9)] = 5
    misfire_policy: Literal["coalesce", "all", "skip"] = "coalesce"
    overlap_policy: Literal["wait", "skip"] = "wait"
    date_offset_days: Annotated[int, Field(ge=0, le=366)] = 1

    @property
    def zone(self) -> ZoneInfo:
        """The timezone in which the cron is read."""
        return require_timezone(self.timezone)


class NewCronSettings(ConfigSettings):
    """Settings with a new cron, which is checked more strictly than a stored one."""

    cron_expression: Annotated[str, AfterValidator(_by_field(require_new_cron))]

    @property
    def settings(self) -> ConfigSettings:
        """The part that can be changed later."""
        return ConfigSettings(**{name: getattr(self, name) for name in ConfigSettings.model_fields})


class ConfigRequest(NewCronSettings):
    """The body of POST: a pipeline and the settings of its schedule."""

    provider: Annotated[str, Field(max_length=64)]
    domain: Annotated[str, Field(max_length=64)]
    template: Annotated[str, Field(max_length=64)]
    preview: bool = False  # return the result without saving it


@dataclass(frozen=True)
class PipelineConfig:
    """A tenant's schedule. `next_run_time` is its earliest open tick, None while it is not active. Times are UTC."""

    config_id: str
    tenant_id: str
    provider: str
    domain: str
    pipeline_template: str
    pipeline_id: str
    settings: ConfigSettings
    next_run_time: datetime | None
    created_at: datetime
    created_by_user_id: str | None = None
    updated_at: datetime | None = None
    last_run_time: datetime | None = None
    last_run_status: str | None = None


@dataclass(frozen=True)
class CreatedConfig:
    """A schedule that an earlier call created, read from that call's job: the digest of its body, and its answer."""

    body_digest: str
    next_run_time: datetime | None
    created_at: datetime

    def answers(self, digest: str, now: datetime) -> bool:
        """Whether it answers a call with the same key. A call with another body raises IdempotencyMismatch."""
        return is_repeated_call(digest, now, first_digest=self.body_digest, first_at=self.created_at)


def repeatable_config_id(tenant_id: str, idempotency_key: str, number: int) -> str:
    """The id to try for an Idempotency-Key when `number` earlier ids are used up. The same call gets the same id."""
    return str(uuid.uuid5(_NAMESPACE, json.dumps([tenant_id, idempotency_key, number])))


def first_run_time(settings: ConfigSettings, now: datetime) -> datetime | None:
    """The first tick after `now`, or None for a schedule that is not active."""
    return next_tick(settings.cron_expression, settings.zone, after=now) if settings.is_active else None


def changed_settings(before: ConfigSettings, body: Mapping[str, Any]) -> ConfigSettings:
    """The settings after a PATCH. InvalidInput names the body's invalid fields."""
    if fixed := [name for name in body if name in _FIXED]:
        raise InvalidInput.of_fields([{"field": name, "message": "cannot be changed"} for name in fixed])
    fields = {**before.model_dump(), **body}
    if "cron_expression" in body:
        return validated(NewCronSettings, fields).settings
    return validated(ConfigSettings, fields)


def changed(config: PipelineConfig, settings: ConfigSettings, now: datetime) -> PipelineConfig:
    """The schedule after its owner's change.

    A due tick that waits for the trigger still starts a run if the schedule stays active, even if its cron changes.
    """
    before = config.settings
    is_due = before.is_active and config.next_run_time is not None and config.next_run_time <= now
    is_as_before = all(
        getattr(before, name) == getattr(settings, name) for name in ("cron_expression", "timezone", "is_active")
    )
    keeps_tick = is_as_before or (is_due and settings.is_active)
    next_run_time = config.next_run_time if keeps_tick else first_run_time(settings, now)
    return replace(config, settings=settings, next_run_time=next_run_time, updated_at=now)


def change_details(before: PipelineConfig, after: PipelineConfig, now: datetime) -> dict[str, Any]:
    """The changes for the log, and the due ticks that get no run because of them."""
    old, new = before.settings.model_dump(), after.settings.model_dump()
    fields = {name: {"from": old[name], "to": new[name]} for name in old if old[name] != new[name]}
    return {"config_id": before.config_id, "changes": fields, **given_up(before, after, now)}


def given_up(before: PipelineConfig, after: PipelineConfig | None, now: datetime) -> dict[str, Any]:
    """The ticks that were due at `now` and get no run any more, for the log. `after` is None for a removed schedule.

    `given_up_ticks` is "10000 or more" when the count stopped there.
    """
    owed, still_owed = _owed(before, now), set(_owed(after, now)) if after else set()
    lost = [tick for tick in owed if tick not in still_owed]
    if not lost:
        return {}
    count = f"{_MAX_GIVEN_UP} or more" if len(owed) == _MAX_GIVEN_UP else len(lost)
    return {"given_up_tick": lost[0].isoformat(), "given_up_until": lost[-1].isoformat(), "given_up_ticks": count}


def _owed(config: PipelineConfig, now: datetime) -> list[datetime]:
    """The due ticks that no trigger has handled, up to the number that the log counts."""
    due = config.next_run_time
    if due is None or due > now:
        return []
    try:
        later = ticks_after(config.settings.cron_expression, config.settings.zone, after=due)
        return [due, *islice(takewhile(lambda tick: tick <= now, later), _MAX_GIVEN_UP - 1)]
    except InvalidInput:  # the timezone no longer exists; its schedule can still be removed
        return [due]


def resolve_config_parameters(template: Template, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a run on any day. InvalidInput names each invalid one as `parameters.<name>`."""
    try:
        return resolve_parameters(template, with_date(parameters, _SOME_DAY))
    except InvalidInput as error:
        found = [{**item, "field": f"parameters.{item['field']}"} for item in error.facts["errors"]]
        raise InvalidInput.of_fields(found) from None


def warnings_of(settings: ConfigSettings, *, trigger_cron: str, now: datetime) -> list[str]:
    """Warnings for the owner about the cron and about the days of its runs."""
    found = [*uneven_steps(settings.cron_expression), *_day_warnings(settings)]
    if matches_either_day(settings.cron_expression):
        found.append(
            "This cron names days and weekdays: it fires on a day that matches either, not only where both do."
        )
    if _outruns(settings, trigger_cron, now):
        shared = _SHARED_TICKS[settings.misfire_policy]
        found.append(f"This cron fires more often than schedules are triggered ({trigger_cron}, UTC): {shared}.")
    return found


def _day_warnings(settings: ConfigSettings) -> Iterator[str]:
    """Warnings about settings with which every run has the same days."""
    if "{date}" in str(settings.parameters):
        return
    if settings.date_offset_days != type(settings).model_fields["date_offset_days"].default:
        yield "date_offset_days has no effect: it moves the day of {date}, which no parameter of this schedule has."
    fixed = [name for name in ("date", "start_date", "end_date") if settings.parameters.get(name)]
    if fixed:
        days = " to ".join(str(settings.parameters[name]) for name in fixed)
        yield f"Every run of this schedule asks for the same days, {days}; write {{date}} for the day of the tick."


def _outruns(settings: ConfigSettings, trigger_cron: str, now: datetime) -> bool:
    """Whether ticks come more often than the trigger. The change of clocks in spring is ignored."""
    cron, zone, until = settings.cron_expression, settings.zone, now + _TIME_EXAMINED
    ticks = takewhile(lambda tick: tick < until, ticks_after(cron, zone, after=now))
    shown = (tick for tick in islice(ticks, _TICKS_EXAMINED) if is_shown(cron, zone, tick))
    utc, instant = require_timezone("UTC"), timedelta(microseconds=1)
    served_at = (next_tick(trigger_cron, utc, after=tick - instant) for tick in shown)
    return any(earlier == later for earlier, later in pairwise(served_at))


@dataclass(frozen=True)
class ConfigStanding:
    """A key's owner, the requested schedules, and the tenant's credentials: the source of each by provider."""

    owner: KeyOwner
    credentials: Mapping[str, str | None]
    config_count: int
    configs: Sequence[PipelineConfig]
    active: Sequence[PipelineConfig] = ()  # all active ones, if the read asked for them
