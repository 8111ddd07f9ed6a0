"""Sends due tasks within the rate and concurrency of their queue, and repeats them until they are acknowledged."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from google.cloud.tasks_v2 import types
from google.rpc import status_pb2

from devcloud.delivery import Call, Outcome, RetryRule
from devcloud.delivery_loop import DeliveryLoop
from devcloud.identity import Identity
from devcloud.messages import instant, seconds_of
from devcloud.tasks.rates import TokenBucket
from devcloud.tasks.store import TaskStore

DEFAULT_DEADLINE_SECONDS = 600.0
_log = logging.getLogger(__name__)


@dataclass
class _Lane:
    """A queue's running calls and its token bucket."""

    bucket: TokenBucket
    in_flight: set[str] = field(default_factory=set)


class Dispatcher(DeliveryLoop):
    """Sends the tasks of all running queues."""

    def __init__(self, store: TaskStore, identity: Identity, now: Callable[[], float]) -> None:
        super().__init__("tasks", now)
        self._store, self._identity = store, identity
        self._lanes: dict[str, _Lane] = {}

    def run_now(self, queue: str, task: types.Task) -> None:
        """Send a task at once, even when its queue is paused or at its limits."""
        self._store.reschedule(task, due_at=self.now())
        with self.changed:
            lane = self._lane(self._store.get_queue(queue), self.now())
            if task.name not in lane.in_flight and not self.stopping:
                self._send(queue, lane, task.name)

    def outstanding(self, due_within_seconds: float = math.inf) -> int:
        """The number of unacknowledged tasks that are due within this time, including those that are being sent."""
        return self._store.count_due(self.now() + due_within_seconds)

    def forget(self, queues: Collection[str], timeout_seconds: float) -> bool:
        """Wait until no task of a paused queue is being sent. Then drop these tasks and free their names."""
        with self.changed:
            quiet = self.changed.wait_for(
                lambda: not any(self._under_way_of(queue) for queue in queues), timeout_seconds
            )
            for queue in queues if quiet else ():
                self._store.forget(queue)
            return quiet

    def _under_way_of(self, queue: str) -> bool:
        return queue in self._lanes and bool(self._lanes[queue].in_flight)

    def send_due(self) -> float:
        """Send the tasks that every queue may send now; returns the time when a queue may send more."""
        now = self.now()
        queues = [queue for queue in self._store.list_queues() if queue.state == types.Queue.State.RUNNING]
        return min((self._send_due(queue, now) for queue in queues), default=math.inf)

    def _send_due(self, queue: types.Queue, now: float) -> float:
        """Send the tasks that a queue may send now; returns when it may send more (infinity: after the next change)."""
        lane = self._lane(queue, now)
        slots = queue.rate_limits.max_concurrent_dispatches - len(lane.in_flight)
        if slots <= 0:
            return math.inf
        front = self._store.front(queue.name, len(lane.in_flight) + slots + 1)
        waiting = [due for due in front if due.name not in lane.in_flight]
        ready = [due.name for due in waiting if due.at <= now][:slots]
        allowed = ready[: lane.bucket.available(now)]
        lane.bucket.take(len(allowed))
        for name in allowed:
            self._send(queue.name, lane, name)
        if len(allowed) < len(ready):
            return lane.bucket.next_at(now)
        if len(ready) == slots:
            return math.inf
        return next((due.at for due in waiting if due.at > now), math.inf)

    def _lane(self, queue: types.Queue, now: float) -> _Lane:
        limits = queue.rate_limits
        lane = self._lanes.get(queue.name)
        if lane is None:
            bucket = TokenBucket(limits.max_dispatches_per_second, limits.max_burst_size, now)
            lane = self._lanes[queue.name] = _Lane(bucket)
        lane.bucket.adjust(limits.max_dispatches_per_second, limits.max_burst_size, now)
        return lane

    def _send(self, queue: str, lane: _Lane, name: str) -> None:
        self.submit(lane.in_flight, name, lambda: self._attempt(queue, name))

    def _attempt(self, queue_name: str, name: str) -> None:
        queue, task = self._store.find_queue(queue_name), self._store.find_task(name)
        if queue is None or task is None:
            return
        sent_at = self.now()
        outcome = self.deliverer.send(self._call(queue, task))
        if not outcome.ok and self.deliverer.stopped:
            return
        self._settle(queue, task, sent_at, outcome)

    def _settle(self, queue: types.Queue, task: types.Task, sent_at: float, outcome: Outcome) -> None:
        now = self.now()
        if outcome.ok:
            self._store.remove_task(task.name, now)
            return
        _record(task, sent_at, now, outcome)
        age = now - seconds_of(task.first_attempt.dispatch_time)
        delay = _retry_rule(queue.retry_config).delay_seconds(task.dispatch_count, age)
        fields = (task.name, task.dispatch_count, outcome.message)
        if delay is None:
            _log.error("task %s given up after %d attempts: %s", *fields)
            self._store.remove_task(task.name, now)
        else:
            _log.warning("task %s failed at attempt %d: %s", *fields)
            self._store.reschedule(task, due_at=now + delay)

    def _call(self, queue: types.Queue, task: types.Task) -> Call:
        http, oidc = task.http_request, task.http_request.oidc_token
        headers = dict(http.headers)
        if http.body and "content-type" not in {name.lower() for name in headers}:
            headers["Content-Type"] = "application/octet-stream"
        headers |= {
            "User-Agent": "Google-Cloud-Tasks",
            "X-CloudTasks-QueueName": queue.name.rpartition("/")[2],
            "X-CloudTasks-TaskName": task.name.rpartition("/")[2],
            "X-CloudTasks-TaskRetryCount": str(task.dispatch_count),
            "X-CloudTasks-TaskExecutionCount": str(task.response_count),
            "X-CloudTasks-TaskETA": f"{seconds_of(task.schedule_time):.6f}",
        }
        if task.dispatch_count:
            headers["X-CloudTasks-TaskRetryReason"] = task.last_attempt.response_status.message
        if oidc.service_account_email:
            token = self._identity.id_token(oidc.service_account_email, oidc.audience or http.url)
            headers["Authorization"] = f"Bearer {token}"
        deadline = seconds_of(task.dispatch_deadline) or DEFAULT_DEADLINE_SECONDS
        return Call(types.HttpMethod(http.http_method).name, http.url, headers, http.body, deadline)


def _record(task: types.Task, sent_at: float, now: float, outcome: Outcome) -> None:
    """Record a failed attempt in the task, so that GetTask shows it."""
    task.dispatch_count += 1
    attempt = types.Attempt(
        schedule_time=task.schedule_time,
        dispatch_time=instant(sent_at),
        response_status=status_pb2.Status(code=outcome.code, message=outcome.message),
    )
    if outcome.status is not None:
        task.response_count += 1
        attempt.response_time = instant(now)
    task.last_attempt = attempt
    if task.dispatch_count == 1:
        # Only the time of the first attempt is kept, as in the service.
        task.first_attempt = types.Attempt(dispatch_time=instant(sent_at))


def _retry_rule(config: types.RetryConfig) -> RetryRule:
    return RetryRule(
        max_attempts=None if config.max_attempts == -1 else config.max_attempts,
        max_age_seconds=seconds_of(config.max_retry_duration),
        min_backoff_seconds=seconds_of(config.min_backoff),
        max_backoff_seconds=seconds_of(config.max_backoff),
        max_doublings=config.max_doublings,
    )
