"""Processes the queue: reads it, decides, applies the decision, dispatches. One job if nothing changes, else two."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.adapters.google.closing_tasks import TenantsRun
from shared.adapters.google.tasks import Tasks
from shared.adapters.stores.queue import DispatchQueue
from shared.adapters.stores.scheduler_jobs import SchedulerJobs
from shared.domain.dispatching.changes import Change, Decision
from shared.domain.dispatching.dispatch import DispatchPolicy, decide
from shared.domain.dispatching.queue_state import CLOSING, DAILY_LIMIT, SUBSCRIPTION_NOT_LIVE, QueueItem, QueueState
from shared.domain.dispatching.settling import EXECUTOR_SILENT, LEASE_EXPIRED
from shared.domain.runs.delivery import Closing, EndedRun, RunTask
from shared.errors import MESSAGE_LENGTH
from shared.runtime import log
from shared.use_cases.contention import until_applied

JOB = "process_queue"
_SILENT_EXECUTOR = Closing(status="FAILED", error_class=LEASE_EXPIRED, error_message=EXECUTOR_SILENT)
_OWN_LIMITS = frozenset({DAILY_LIMIT, SUBSCRIPTION_NOT_LIVE})  # reasons of waits that may last for days


@dataclass(frozen=True)
class Rescues:
    """The number of rescued runs that continue, and of rescued runs without an attempt left."""

    requeued: int
    failed: int


@dataclass(frozen=True)
class Dispatched:
    """The result of one call: the state that was read, the decision, and the changes that were applied."""

    state: QueueState
    decision: Decision
    changes: Sequence[Change]

    def made(self, *actions: str) -> list[Change]:
        """The applied changes of these kinds."""
        return [change for change in self.changes if change.action in actions]

    @property
    def rescues(self) -> Rescues:
        """The rescued runs: those whose executor was lost, and admitted runs that no executor claimed."""
        expired = [change.action for change in self.changes if change.error_class == LEASE_EXPIRED]
        unclaimed = len(self.made("RENEW")) + len(self.decision.redeliver)
        return Rescues(requeued=expired.count("RETRY") + unclaimed, failed=expired.count("FAIL"))

    def counts(self) -> dict[str, int]:
        """The numbers of the answer."""
        admitted, left = len(self.made("ADMIT")), sum(change.before.state == "QUEUED" for change in self.made_ends())
        return {
            "processed_count": admitted,
            "settled_count": len(self.made("COMPLETE", "RETRY", "PAUSE", "FAIL", "CANCEL", "REFUSE")),
            "rescued_count": self.rescues.requeued + self.rescues.failed,
            "waiting_count": self.state.queued_count - admitted - left + len(self.made("RETRY", "PAUSE")),
        }

    @property
    def oldest_waiting_seconds(self) -> int:
        """The longest wait in seconds among the runs that no limit of today holds back."""
        known = {change.before.run_id: change.after for change in self.changes}
        left = [known.get(item.run_id, item) for item in self.state.items if item.available_at <= self.state.now]
        waiting = [item for item in left if item and item.state == "QUEUED" and item.wait_reason not in _OWN_LIMITS]
        since = min((max(item.added_at, item.available_at) for item in waiting), default=self.state.now)
        return max(0, int((self.state.now - since).total_seconds()))

    def made_ends(self) -> list[Change]:
        """The changes that took a run out of the queue."""
        return [change for change in self.changes if change.after is None]


@dataclass(frozen=True)
class Dispatcher:
    """The owner of the queue. Several may run at once, but only one of those that read the same epoch can apply."""

    queue: DispatchQueue
    tasks: Tasks
    jobs: SchedulerJobs
    policy: DispatchPolicy
    new_id: Callable[[], str]
    rng: random.Random = field(default_factory=random.SystemRandom)

    def process(self, *, max_runs: int) -> dict[str, Any]:
        """Process the queue; the answer is as in docs/openapi.json. Unavailable if others kept changing the queue."""
        with self.jobs.recording(JOB) as counts:
            dispatched = self.dispatch(max_runs=max_runs)
            counts.update(dispatched.counts(), oldest_waiting_seconds=dispatched.oldest_waiting_seconds)
        return _answer(dispatched)

    def dispatch(self, *, max_runs: int) -> Dispatched:
        """One call without its record in the log. The hourly clean-up uses it to rescue runs."""
        dispatched = until_applied(lambda: self._decide_and_apply(max_runs), rng=self.rng)
        self._deliver(dispatched)
        self._look_again(dispatched.decision)
        return dispatched

    def _decide_and_apply(self, max_runs: int) -> Dispatched:
        state = self.queue.read()
        decision = decide(state, policy=self.policy, max_runs=max_runs, rng=self.rng, new_id=self.new_id)
        decision = self.queue.fit_request(decision)
        if not decision.changes:
            return Dispatched(state, decision, ())
        self.queue.apply(state, decision)
        _log_changes(decision.changes, decision)
        return Dispatched(state, decision, decision.changes)

    def _deliver(self, dispatched: Dispatched) -> None:
        leased = [change.after for change in dispatched.made("ADMIT", "RENEW") if change.after]
        deliveries = [_delivery(item) for item in [*leased, *dispatched.decision.redeliver]]
        ended = [_ended(change) for change in dispatched.made_ends() if change.action != "COMPLETE"]
        if failed := self.tasks.dispatch_runs(deliveries):
            log.error("runs not delivered", count=len(failed), run_ids=[task.run_id for task in failed[:20]])
        if not_taken := self.tasks.close_runs(ended):  # the hourly clean-up delivers them again
            log.error("closings not delivered", count=not_taken)

    def _look_again(self, decision: Decision) -> None:
        if decision.work_remains:
            self.tasks.kick()
        elif decision.look_again_at:
            self.tasks.kick(not_before=decision.look_again_at)


def _delivery(item: QueueItem) -> RunTask:
    closing = _SILENT_EXECUTOR if item.wait_reason == CLOSING else None
    return RunTask(
        run_id=item.run_id,
        tenant_id=item.tenant_id,
        pipeline_logging_id=item.pipeline_logging_id,
        lease_id=item.lease_id,
        attempt=item.attempt,
        hop=item.hop,
        closing=closing,
        pipeline_id=item.pipeline_id,
    )


def _ended(change: Change) -> TenantsRun:
    """A run that ended without an executor, whose row in the tenant's dataset a closing task will close."""
    item = change.before
    run = EndedRun(
        run_id=item.run_id,
        pipeline_logging_id=item.pipeline_logging_id,
        attempt=item.attempt,
        status="CANCELLED" if change.action == "CANCEL" else "FAILED",
        error_class=change.error_class,
        error_message=(change.error_message or "")[:MESSAGE_LENGTH] or None,
    )
    return item.tenant_id, run


def _log_changes(changes: Sequence[Change], decision: Decision) -> None:
    for change in changes:
        if change.action in {"WAIT", "HOP"}:
            continue
        item = change.before
        log.info(
            "run changed state",
            action=change.action,
            tenant_id=item.tenant_id,
            run_id=item.run_id,
            attempt=item.attempt,
            error_class=change.error_class,
        )
    if decision.stale_signs:
        log.warning("events of old leases ignored", count=decision.stale_signs)


def _answer(dispatched: Dispatched) -> dict[str, Any]:
    runs = [_run(change.after) for change in dispatched.made("ADMIT") if change.after]
    counts = dispatched.counts()
    if not runs:
        idle = "No pipelines in queue" if not counts["waiting_count"] else "No waiting pipeline can start now"
        return {"processed": False, "message": idle, "runs": [], **counts}
    first = runs[0]
    message = f"Pipeline started processing for tenant {first['tenant_id']}"
    return {"processed": True, **first, "message": message, "runs": runs, **counts}


def _run(item: QueueItem) -> dict[str, str]:
    return {
        "pipeline_logging_id": item.pipeline_logging_id,
        "tenant_id": item.tenant_id,
        "pipeline_id": item.pipeline_id,
        "status": "PROCESSING",
    }
