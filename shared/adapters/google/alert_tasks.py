"""Creates the tasks of alerts: evaluations of a tenant's rules, and messages to send."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.adapters.google.task_creation import bucket_of, create_task, post_task
from shared.domain.alerts.tasks import EvaluateTask, SendTask
from shared.domain.runs.delivery import task_name

_DEADLINE = timedelta(seconds=120)


@dataclass(frozen=True)
class AlertTarget:
    """A queue with its full name, the URL of its function, and the account that calls it."""

    queue: str
    function_url: str
    service_account: str


@dataclass(frozen=True)
class EvaluationTasks:
    """Asks for evaluations of tenants' rules."""

    open_client: Callable[[], Any]
    target: AlertTarget
    bucket_seconds: float
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def request(self, tenant_id: str) -> bool:
        """Ask for an evaluation soon, and return whether Cloud Tasks accepts.

        Requests for a tenant in one time bucket share one task. If Cloud Tasks does not accept, the hourly clean-up
        asks again.
        """
        bucket, delivered_at = bucket_of(self.clock(), self.bucket_seconds)
        task = post_task(
            self.target.service_account,
            queue=self.target.queue,
            name=task_name("evaluate", tenant_id, str(bucket), repr(self.bucket_seconds)),
            function_url=self.target.function_url,
            path="/api/v1/internal/alerts/evaluate",
            body=EvaluateTask(tenant_id=tenant_id).model_dump(),
            deadline=_DEADLINE,
        )
        task["schedule_time"] = delivered_at
        return create_task(self.open_client, self.target.queue, task, tenant_id=tenant_id)


@dataclass(frozen=True)
class SendingTasks:
    """Delivers messages to send_alerts."""

    open_client: Callable[[], Any]
    target: AlertTarget

    def send(self, tenant_id: str, message_id: str, *, again: str = "") -> bool:
        """Deliver a message and return whether Cloud Tasks accepts. `again` names a later try to deliver it."""
        task = post_task(
            self.target.service_account,
            queue=self.target.queue,
            name=task_name("send", tenant_id, message_id, again),
            function_url=self.target.function_url,
            path="/api/v1/internal/alerts/send",
            body=SendTask(tenant_id=tenant_id, message_id=message_id).model_dump(),
            deadline=_DEADLINE,
        )
        return create_task(self.open_client, self.target.queue, task, tenant_id=tenant_id)
