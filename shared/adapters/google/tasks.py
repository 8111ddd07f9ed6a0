"""Creates tasks in Cloud Tasks: kicks of the dispatcher, and deliveries of runs. Creating one twice is harmless."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from shared.adapters.google.closing_tasks import TenantsRun, close_tasks
from shared.adapters.google.task_creation import bucket_of, create_task, post_task
from shared.domain.runs.delivery import CloseTask, RunTask, task_name

_DISPATCH_DEADLINE = timedelta(seconds=1800)  # the longest that Cloud Tasks allows, and execute_run's timeout
_KICK_DEADLINE = timedelta(seconds=320)
_THREADS = 32
Task = TypeVar("Task")


@dataclass(frozen=True)
class TaskTargets:
    """The targets of tasks: full queue names, URLs of the functions (the tokens' audiences), and the account."""

    kick_queue: str
    kick_bucket_seconds: float
    process_queue_url: str
    service_account: str
    execute_queue: str = ""
    close_queue: str = ""
    execute_run_url: str = ""


class Tasks:
    """Creates the platform's tasks; the client is opened when the first one is."""

    def __init__(
        self,
        open_client: Callable[[], Any],
        targets: TaskTargets,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._open_client, self._targets, self._clock = open_client, targets, clock

    def kick(self, *, not_before: datetime | None = None) -> bool:
        """Ask for a call of process_queue soon, or soon after `not_before`, and return whether Cloud Tasks accepts.

        Kicks of one time bucket share one task. A kick that fails only costs time, because Cloud Scheduler calls
        process_queue anyway; so the failure is logged and not raised.
        """
        targets, now = self._targets, self._clock()
        moment = max(now, not_before) if not_before else now
        bucket, delivered_at = bucket_of(moment, targets.kick_bucket_seconds)
        task = post_task(
            self._targets.service_account,
            queue=targets.kick_queue,
            name=task_name("kick", str(bucket), repr(targets.kick_bucket_seconds)),
            function_url=targets.process_queue_url,
            path="/api/v1/scheduler/process-queue",
            body={},
            deadline=_KICK_DEADLINE,
        )
        task["schedule_time"] = delivered_at
        return create_task(self._open_client, targets.kick_queue, task)

    def dispatch_runs(self, runs: Sequence[RunTask]) -> list[RunTask]:
        """Deliver runs to execute_run, in parallel. It returns the runs whose tasks Cloud Tasks did not accept.

        Closing tasks go to a queue of their own, so they do not delay runs that begin.
        """
        return self._in_parallel(self._dispatch, runs)

    def close_runs(self, ended: Iterable[TenantsRun]) -> int:
        """Create tasks that close the rows of ended runs. It returns how many tasks Cloud Tasks did not accept."""
        return len(self._in_parallel(self._dispatch_closings, close_tasks(ended)))

    def _in_parallel(self, create: Callable[[Task], bool], wanted: Sequence[Task]) -> list[Task]:
        if not wanted:
            return []
        self._open_client()  # opened once, before the threads start
        with ThreadPoolExecutor(max_workers=min(_THREADS, len(wanted))) as threads:
            taken = list(threads.map(create, wanted))
        return [each for each, was_taken in zip(wanted, taken, strict=True) if not was_taken]

    def _dispatch(self, run: RunTask) -> bool:
        queue = self._targets.close_queue if run.closing else self._targets.execute_queue
        return self._deliver(queue, run.name, "execute", run.model_dump(), run_id=run.run_id)

    def _dispatch_closings(self, task: CloseTask) -> bool:
        queue, body = self._targets.close_queue, task.model_dump()
        return self._deliver(queue, task.name, "close", body, tenant_id=task.tenant_id)

    def _deliver(self, queue: str, name: str, route: str, body: Mapping[str, Any], **facts: str) -> bool:
        task = post_task(
            self._targets.service_account,
            queue=queue,
            name=name,
            function_url=self._targets.execute_run_url,
            path=f"/api/v1/internal/{route}",
            body=body,
            deadline=_DISPATCH_DEADLINE,
        )
        return create_task(self._open_client, queue, task, **facts)
