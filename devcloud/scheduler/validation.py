"""Validates jobs: an HTTP target, a unix-cron schedule and a time zone."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from croniter import CroniterBadCronError, CroniterBadDateError, croniter
from google.cloud.scheduler_v1 import types

from devcloud.grpc_service import invalid_argument, unimplemented
from devcloud.messages import has, seconds_of

_NAME = re.compile(r"projects/[^/]+/locations/[^/]+/jobs/[A-Za-z0-9_-]{1,500}")
_DEADLINE_SECONDS = (15.0, 1800.0)
_WITH_BODY = (types.HttpMethod.POST, types.HttpMethod.PUT, types.HttpMethod.PATCH)


def next_tick(job: types.Job, after: float) -> float:
    """The first tick of a job later than `after`; raises INVALID_ARGUMENT for an invalid schedule or zone."""
    try:
        start = datetime.fromtimestamp(after, ZoneInfo(job.time_zone))
        moment: datetime = croniter(job.schedule, start).get_next(datetime)
    except (ZoneInfoNotFoundError, ValueError, CroniterBadCronError, CroniterBadDateError) as error:
        raise invalid_argument("Schedule or time zone is invalid.") from error
    return moment.timestamp()


def prepare_job(job: types.Job, now: float) -> float:
    """Fill in a job's defaults; returns its next tick. Raises INVALID_ARGUMENT or UNIMPLEMENTED if it cannot run."""
    if not _NAME.fullmatch(job.name):
        raise invalid_argument(f'Job name is invalid: "{job.name}".')
    _check_target(job)
    _fill_defaults(job)
    if not _DEADLINE_SECONDS[0] <= seconds_of(job.attempt_deadline) <= _DEADLINE_SECONDS[1]:
        raise invalid_argument("The attempt deadline must be between 15 seconds and 30 minutes.")
    if not 0 <= job.retry_config.retry_count <= 5:
        raise invalid_argument("The retry count must be between 0 and 5.")
    if job.schedule.startswith("every "):
        raise unimplemented("schedules in App Engine's words")
    if len(job.schedule.split()) != 5:
        raise invalid_argument("Schedule or time zone is invalid.")
    return next_tick(job, now)


def _check_target(job: types.Job) -> None:
    for feature in ("pubsub_target", "app_engine_http_target"):
        if has(job, feature):
            raise unimplemented(f"a job's {feature}")
    target = job.http_target
    if has(target, "oauth_token"):
        raise unimplemented("a job's oauth_token")
    parts = urlsplit(target.uri)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise invalid_argument("HttpTarget.uri is required and must begin with http:// or https://.")
    target.http_method = types.HttpMethod(target.http_method or types.HttpMethod.POST)
    if target.body and target.http_method not in _WITH_BODY:
        raise invalid_argument("HttpTarget.body is only allowed for POST, PUT and PATCH.")
    for name in [name for name in target.headers if name.lower().startswith(("x-cloudscheduler", "x-google-"))]:
        del target.headers[name]  # the service's own headers cannot be set by a job


def _fill_defaults(job: types.Job) -> None:
    job.time_zone = job.time_zone or "Etc/UTC"
    retry = job.retry_config
    defaults = {"min_backoff_duration": 5, "max_backoff_duration": 3600, "max_retry_duration": 0}
    for field, seconds in defaults.items():
        if not has(retry, field):
            setattr(retry, field, timedelta(seconds=seconds))
    retry.max_doublings = retry.max_doublings or 5
    if not has(job, "attempt_deadline"):
        job.attempt_deadline = timedelta(minutes=3)  # type: ignore[assignment]
