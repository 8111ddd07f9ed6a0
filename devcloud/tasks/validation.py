"""Validates queues, filling in their defaults, and tasks."""

from __future__ import annotations

import re
import secrets
from datetime import timedelta
from urllib.parse import urlsplit

from google.cloud.tasks_v2 import types

from devcloud.grpc_service import invalid_argument, unimplemented
from devcloud.messages import has, seconds_of

_QUEUE_NAME = re.compile(r"projects/[^/]+/locations/[^/]+/queues/[A-Za-z0-9-]{1,100}")
_TASK_ID = re.compile(r"[A-Za-z0-9_-]{1,500}")
_MAX_TASK_BYTES = 1024 * 1024
_MAX_AHEAD_SECONDS = 30 * 86_400
_DEADLINE_SECONDS = (15.0, 1800.0)
_WITH_BODY = (types.HttpMethod.POST, types.HttpMethod.PUT, types.HttpMethod.PATCH)


def check_queue(queue: types.Queue) -> None:
    """Raises INVALID_ARGUMENT for invalid settings, UNIMPLEMENTED for settings that devcloud does not support."""
    if not _QUEUE_NAME.fullmatch(queue.name):
        raise invalid_argument(f'Queue name is invalid: "{queue.name}".')
    for feature in ("app_engine_routing_override", "http_target"):
        if has(queue, feature):
            raise unimplemented(f"a queue's {feature}")
    limits, retry = queue.rate_limits, queue.retry_config
    if not 0 <= limits.max_dispatches_per_second <= 500:
        raise invalid_argument("Queue.rate_limits.max_dispatches_per_second must be between 0 and 500.")
    if not 0 <= limits.max_concurrent_dispatches <= 5000:
        raise invalid_argument("Queue.rate_limits.max_concurrent_dispatches must be between 0 and 5000.")
    if retry.max_attempts < -1:
        raise invalid_argument("Queue.retry_config.max_attempts must be -1 or more.")


def fill_defaults(queue: types.Queue) -> None:
    """Fill in the service's values for settings that a queue leaves out."""
    limits, retry = queue.rate_limits, queue.retry_config
    limits.max_dispatches_per_second = limits.max_dispatches_per_second or 500.0
    limits.max_concurrent_dispatches = limits.max_concurrent_dispatches or 1000
    # Output only: the service derives it from the rate.
    limits.max_burst_size = max(10, int(limits.max_dispatches_per_second / 5))
    retry.max_attempts = retry.max_attempts or 100
    retry.max_doublings = retry.max_doublings or 16
    if not has(retry, "min_backoff"):
        retry.min_backoff = timedelta(seconds=0.1)  # type: ignore[assignment]
    if not has(retry, "max_backoff"):
        retry.max_backoff = timedelta(hours=1)  # type: ignore[assignment]
    if seconds_of(retry.min_backoff) > seconds_of(retry.max_backoff):
        raise invalid_argument("Queue.retry_config.min_backoff must not exceed max_backoff.")


def prepare_task(queue: str, task: types.Task, now: float) -> float:
    """Complete a new task; returns when it is due. Raises INVALID_ARGUMENT or UNIMPLEMENTED if it cannot be sent."""
    if not task.name:
        task.name = f"{queue}/tasks/{secrets.randbelow(9 * 10**19) + 10**19}"
    parent, _, task_id = task.name.partition("/tasks/")
    if parent != queue or not _TASK_ID.fullmatch(task_id):
        raise invalid_argument(f'Task name is invalid: "{task.name}".')
    _check_request(task)
    deadline = seconds_of(task.dispatch_deadline)
    if has(task, "dispatch_deadline") and not _DEADLINE_SECONDS[0] <= deadline <= _DEADLINE_SECONDS[1]:
        raise invalid_argument("Task.dispatchDeadline must be between [15s, 30m].")
    if len(types.Task.serialize(task)) > _MAX_TASK_BYTES:
        raise invalid_argument("Task size too large.")
    due_at = max(now, seconds_of(task.schedule_time))
    if due_at > now + _MAX_AHEAD_SECONDS:
        raise invalid_argument("The scheduled time is too far in the future.")
    return due_at


def _check_request(task: types.Task) -> None:
    for feature in ("app_engine_http_request", "retry_config"):
        if has(task, feature):
            raise unimplemented(f"a task's {feature}")
    request = task.http_request
    if has(request, "oauth_token"):
        raise unimplemented("a task's oauth_token")
    parts = urlsplit(request.url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise invalid_argument("HttpRequest.url is required and must begin with http:// or https://.")
    request.http_method = types.HttpMethod(request.http_method or types.HttpMethod.POST)
    if request.body and request.http_method not in _WITH_BODY:
        raise invalid_argument("HttpRequest.body is only allowed for POST, PUT and PATCH.")
    for name in [name for name in request.headers if name.lower().startswith(("x-cloudtasks-", "x-google-"))]:
        del request.headers[name]  # the service's own headers cannot be set by a task
