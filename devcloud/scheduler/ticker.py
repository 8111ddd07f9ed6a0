"""Runs jobs at their ticks, and repeats them until they are acknowledged or have no retries left."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable

from google.cloud.scheduler_v1 import types
from google.protobuf import timestamp_pb2
from google.rpc import status_pb2

from devcloud.delivery import Call, Outcome, RetryRule
from devcloud.delivery_loop import DeliveryLoop
from devcloud.identity import Identity
from devcloud.messages import instant, seconds_of
from devcloud.scheduler.store import Execution, JobStore
from devcloud.scheduler.validation import next_tick

_log = logging.getLogger(__name__)


class Ticker(DeliveryLoop):
    """Runs jobs at their ticks. Ticks while devcloud did not run are skipped. Begun executions are finished."""

    def __init__(self, store: JobStore, identity: Identity, now: Callable[[], float]) -> None:
        super().__init__("scheduler", now)
        self._store, self._identity = store, identity
        self._in_flight: set[int] = set()

    def start(self) -> None:
        """Move every job to its first tick from now on, then begin."""
        now = self.now()
        for job, tick in self._due_jobs(now):
            _log.warning("job %s missed its tick at %s", job.name, _rfc3339(tick))
            self._store.leave_out(job.name, tick=tick, next_tick=next_tick(job, now))
        super().start()

    def outstanding(self, due_within_seconds: float = math.inf) -> int:
        """The number of unfinished executions that are due within this time."""
        return self._store.count_executions(self.now() + due_within_seconds)

    def send_due(self) -> float:
        """Begin the due ticks and send the waiting executions; returns the time of the next tick or retry."""
        now = self.now()
        for job, tick in self._due_jobs(now):
            if not self._store.begin(job.name, tick=tick, now=now, next_tick=next_tick(job, now)):
                _log.warning("job %s is still running, its tick at %s is left out", job.name, _rfc3339(tick))
        waiting = [execution for execution in self._store.executions() if execution.id not in self._in_flight]
        for execution in waiting:
            if execution.due_at <= now:
                self._send(execution)
        retries = [execution.due_at for execution in waiting if execution.due_at > now]
        return min([*self._store.ticks().values(), *retries], default=math.inf)

    def _due_jobs(self, now: float) -> list[tuple[types.Job, float]]:
        due = {name: tick for name, tick in self._store.ticks().items() if tick <= now}
        return [(job, due[job.name]) for job in map(self._store.find, due) if job is not None]

    def _send(self, execution: Execution) -> None:
        self.submit(self._in_flight, execution.id, lambda: self._attempt(execution))

    def _attempt(self, execution: Execution) -> None:
        job = self._store.find(execution.job)
        if job is None:
            return
        sent_at = self.now()
        outcome = self.deliverer.send(self._call(job, execution))
        if outcome.ok or not self.deliverer.stopped:
            self._settle(job, execution, sent_at, outcome)

    def _settle(self, job: types.Job, execution: Execution, sent_at: float, outcome: Outcome) -> None:
        job.last_attempt_time = instant(sent_at)
        job.status = status_pb2.Status(code=outcome.code, message=outcome.message)
        first = execution.first_attempt_at or sent_at
        attempts = execution.attempts + 1
        delay = _retry_rule(job.retry_config).delay_seconds(attempts, self.now() - first)
        if outcome.ok or delay is None:
            self._store.finish(execution, job)
        else:
            self._store.retry(execution, job, first_attempt_at=first, due_at=self.now() + delay)
        if not outcome.ok:
            log = _log.error if delay is None else _log.warning
            log("job %s failed at attempt %d: %s", job.name, attempts, outcome.message)

    def _call(self, job: types.Job, execution: Execution) -> Call:
        target, oidc = job.http_target, job.http_target.oidc_token
        headers = dict(target.headers)
        if target.body and "content-type" not in {name.lower() for name in headers}:
            headers["Content-Type"] = "application/octet-stream"
        headers |= {
            "User-Agent": "Google-Cloud-Scheduler",
            "X-CloudScheduler": "true",
            "X-CloudScheduler-JobName": job.name.rpartition("/")[2],
            "X-CloudScheduler-ScheduleTime": _rfc3339(execution.tick),
        }
        if oidc.service_account_email:
            token = self._identity.id_token(oidc.service_account_email, oidc.audience or target.uri)
            headers["Authorization"] = f"Bearer {token}"
        method = types.HttpMethod(target.http_method).name
        return Call(method, target.uri, headers, target.body, seconds_of(job.attempt_deadline))


def _retry_rule(config: types.RetryConfig) -> RetryRule:
    max_age = seconds_of(config.max_retry_duration)
    # With only a duration there may be any number of retries within it. With neither value there are no retries.
    return RetryRule(
        max_attempts=None if max_age and not config.retry_count else config.retry_count + 1,
        max_age_seconds=max_age,
        min_backoff_seconds=seconds_of(config.min_backoff_duration),
        max_backoff_seconds=seconds_of(config.max_backoff_duration),
        max_doublings=config.max_doublings,
    )


def _rfc3339(seconds: float) -> str:
    moment = timestamp_pb2.Timestamp()
    moment.FromMicroseconds(round(seconds * 1_000_000))
    return moment.ToJsonString()
