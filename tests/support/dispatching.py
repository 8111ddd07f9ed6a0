"""The dispatcher of a running cloud with paused Cloud Tasks queues, so that a test delivers tasks itself."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import requests
from google.cloud import bigquery

from devcloud.onboarding import onboard
from devcloud.server import Devcloud
from tests.support.executions import served
from tests.support.frontend import Frontend, new_frontend
from tests.support.queries import ask
from tests.support.queue import enqueue, insert, queued_run

Json = dict[str, Any]
ALSO = {"execute": ["close"]}  # queues of one function are paused together
PROCESS_QUEUE = "/api/v1/scheduler/process-queue"


@dataclass
class Dispatching:
    """Fills the queue, calls process_queue, appends executors' events, and reads the results."""

    cloud: Devcloud
    client: bigquery.Client
    tasks_client: Any

    def process(self, body: Json | None = None) -> Json:
        """The answer of one call that succeeds, with the request's id."""
        return served(lambda: self.call(body or {}))

    def call(self, body: Any = None, *, headers: dict[str, str] | None = None) -> requests.Response:
        """POST process-queue as Cloud Tasks does, or with these headers instead."""
        if headers is None:
            headers = {"Authorization": f"Bearer {self.token('cvg-tasks-invoker')}"}
        url = self.cloud.ready["gateway"] + PROCESS_QUEUE
        return requests.post(url, json=body if body is not None else {}, headers=headers, timeout=90)

    def trigger(self) -> Json:
        """The answer of one call of the trigger, with the request's id."""
        return served(lambda: self.call_scheduled("trigger_due_pipelines", "trigger"))

    def call_scheduled(self, function: str, route: str) -> requests.Response:
        """POST a scheduler route as Cloud Scheduler does."""
        headers = {"Authorization": f"Bearer {self.token('cvg-scheduler-invoker', audience=function)}"}
        return requests.post(f"{self.cloud.ready['gateway']}/api/v1/scheduler/{route}", headers=headers, timeout=90)

    def reset(self) -> Json:
        """The answer of one call of the daily reset, with the request's id."""
        return served(lambda: self.call_scheduled("reset_daily_quotas", "reset-daily-quotas"))

    def token(self, account: str, *, audience: str = "process_queue") -> str:
        """An OIDC token of a platform account for a function."""
        email = f"{account}@{self.cloud.project}.iam.gserviceaccount.com"
        return self.cloud.identity.id_token(email, f"{self.cloud.ready['gateway']}/{audience}")

    def onboard(self, *, daily_limit: int = 10, concurrent_limit: int = 2) -> str:
        """Onboard another tenant and return its id."""
        tenant_id = f"tenant_{uuid.uuid4().hex[:12]}"
        onboard(self.client, tenant_id, daily_limit=daily_limit, concurrent_limit=concurrent_limit)
        return tenant_id

    def frontend(self, **limits: int) -> Frontend:
        """Onboard another tenant and return its frontend; takes the limits that `onboard` takes."""
        return new_frontend(self.cloud, self.client, **limits)

    def onboard_many(self, count: int, *, daily_limit: int, concurrent_limit: int) -> list[str]:
        """Onboard this number of tenants without API keys, which only have schedules; return their ids."""
        tenants, now = [f"tenant_{uuid.uuid4().hex[:12]}" for _ in range(count)], datetime.now(UTC).isoformat()
        plan = {
            "plan_name": "STARTER",
            "status": "ACTIVE",
            "daily_limit": daily_limit,
            "concurrent_limit": concurrent_limit,
            "created_at": now,
        }
        profile = {"company_name": "Acme", "status": "ACTIVE", "created_at": now}
        insert(self.client, "tenant_profiles", [{"tenant_id": tenant} | profile for tenant in tenants])
        subscriptions = [{"subscription_id": f"plan-{tenant}", "tenant_id": tenant} | plan for tenant in tenants]
        insert(self.client, "tenant_subscriptions", subscriptions)
        return tenants

    def enqueue(self, tenant_id: str, *pipelines: str, is_manual: bool = False, **columns: Any) -> list[str]:
        """Append one waiting run for each pipeline, scheduled ones with their scheduled rows; return their ids."""
        runs = [(f"run-{uuid.uuid4().hex}", pipeline) for pipeline in pipelines]
        enqueue(self.client, *(self._item(tenant_id, *run, is_manual) | columns for run in runs))
        if not is_manual:
            insert(self.client, "scheduled_pipeline_runs", [self._scheduled(tenant_id, *run) for run in runs])
        return [run_id for run_id, _ in runs]

    def _item(self, tenant_id: str, run_id: str, pipeline: str, is_manual: bool) -> Json:
        manual = {"trigger_type": "api", "priority": 10}
        asked = manual if is_manual else {"config_id": f"config-{run_id}"}
        return queued_run(tenant_id, run_id, pipeline_id=pipeline, **asked)

    def _scheduled(self, tenant_id: str, run_id: str, pipeline: str) -> Json:
        now = datetime.now(UTC).isoformat()
        return {
            "run_id": run_id,
            "config_id": f"config-{run_id}",
            "tenant_id": tenant_id,
            "pipeline_id": pipeline,
            "state": "PENDING",
            "scheduled_time": now,
            "retry_count": 0,
            "max_retries": 3,
            "created_at": now,
        }

    @contextmanager
    def one_day(self) -> Iterator[date]:
        """Keep BigQuery's clock within one UTC day in this block, for an hour at least. It yields the day."""
        now = datetime.now(UTC)
        midnight = datetime.combine(now.date() + timedelta(days=1), time(), UTC)
        behind = max(timedelta(0), timedelta(hours=1) - (midnight - now))
        with self.cloud.bigquery.clock.put_back(behind):
            yield (now - behind).date()

    def schedule(self, tenant_id: str, *, next_run_time: datetime, count: int = 1, **columns: Any) -> str:
        """Store daily schedules at the hour and minute of `next_run_time`, in UTC; return the last one's id."""
        rows = [self._config(tenant_id, next_run_time) | columns for _ in range(count)]
        insert(self.client, "tenant_pipeline_configs", rows)
        return str(rows[-1]["config_id"])

    def _config(self, tenant_id: str, next_run_time: datetime) -> Json:
        return {
            "config_id": uuid.uuid4().hex,
            "tenant_id": tenant_id,
            "provider": "gcp",
            "domain": "cost",
            "pipeline_template": "billing",
            "pipeline_id": "gcp-cost-billing",
            "cron_expression": f"{next_run_time.minute} {next_run_time.hour} * * *",
            "timezone": "UTC",
            "is_active": True,
            "next_run_time": next_run_time.isoformat(),
            "parameters": {},
            "priority": 5,
            "max_retries": 3,
            "misfire_policy": "coalesce",
            "overlap_policy": "wait",
            "created_at": next_run_time.isoformat(),
        }

    def use(self, tenant_id: str, day: date, *, run: int, succeeded: int, failed: int) -> None:
        """Store a day's usage."""
        now = datetime.now(UTC).isoformat()
        row = {
            "usage_id": f"{tenant_id}-{day}",
            "tenant_id": tenant_id,
            "usage_date": day.isoformat(),
            "daily_limit": 10,
            "concurrent_limit": 2,
            "pipelines_run_today": run,
            "pipelines_succeeded_today": succeeded,
            "pipelines_failed_today": failed,
            "concurrent_pipelines_running": 0,
            "last_updated": now,
            "created_at": now,
        }
        insert(self.client, "tenant_usage_quotas", [row])

    def config(self, config_id: str) -> Json:
        """A schedule's row."""
        sql = "SELECT * FROM tenants.tenant_pipeline_configs WHERE config_id = @config_id"
        (row,) = self.query(sql, config_id=config_id)
        return row

    def runs_of(self, config_id: str) -> list[Json]:
        """The records of a schedule's ticks."""
        sql = "SELECT * FROM tenants.scheduled_pipeline_runs WHERE config_id = @config_id ORDER BY scheduled_time"
        return self.query(sql, config_id=config_id)

    def report(self, run_id: str, kind: str, **columns: Any) -> None:
        """Append an event of the run's executor, under the lease the queue shows unless `lease_id` says otherwise."""
        item = self.item(run_id)
        row = {
            "event_id": uuid.uuid4().hex,
            "run_id": run_id,
            "tenant_id": item["tenant_id"],
            "lease_id": item["lease_id"],
            "attempt": item["attempt"],
            "kind": kind,
            "details": json.dumps({"hop": item["hop"]}),
            "occurred_at": datetime.now(UTC).isoformat(),
        }
        assert self.client.insert_rows_json("tenants.pipeline_run_events", [row | columns]) == []

    def query(self, sql: str, **values: str) -> list[Json]:
        """The rows of a query of the operator's."""
        return ask(self.client, sql, **values)

    def item(self, run_id: str) -> Json:
        """The run's row in the queue, `{}` when it has left it."""
        found = self.query("SELECT * FROM tenants.pipeline_execution_queue WHERE run_id = @run_id", run_id=run_id)
        return found[0] if found else {}

    def scheduled(self, run_id: str) -> Json:
        """The run's row in scheduled_pipeline_runs."""
        sql = "SELECT * FROM tenants.scheduled_pipeline_runs WHERE run_id = @run_id"
        (row,) = self.query(sql, run_id=run_id)
        return row

    def epoch(self) -> int:
        """The dispatcher's epoch."""
        (row,) = self.query("SELECT epoch FROM tenants.dispatcher_state")
        return int(row["epoch"])

    def usage(self, tenant_id: str) -> Json:
        """The tenant's one quota row."""
        sql = "SELECT * FROM tenants.tenant_usage_quotas WHERE tenant_id = @tenant_id"
        (row,) = self.query(sql, tenant_id=tenant_id)
        return row

    def events(self, run_id: str) -> list[Json]:
        """The run's events, oldest first."""
        sql = "SELECT * FROM tenants.pipeline_run_events WHERE run_id = @run_id ORDER BY occurred_at"
        return self.query(sql, run_id=run_id)

    def deliveries(self, *run_ids: str) -> list[Json]:
        """The bodies of these runs' tasks for execute_run: hops, and closing tasks under a lease."""
        return [body for body in self._bodies() if body.get("run_id") in run_ids]

    def closings(self, *run_ids: str) -> list[Json]:
        """The values for the rows of these runs in the tasks that close many of a tenant's runs."""
        return [run for body in self._bodies() for run in body.get("runs", []) if run["run_id"] in run_ids]

    def kicks(self) -> list[datetime]:
        """The time of the next call of process_queue."""
        return sorted(task.schedule_time for task in self._tasks("kick"))

    def _bodies(self) -> list[Json]:
        return [json.loads(task.http_request.body) for name in ("execute", "close") for task in self._tasks(name)]

    def _tasks(self, queue: str) -> list[Any]:
        request = {"parent": self.cloud.cloud.queue(queue), "response_view": "FULL", "page_size": 1000}
        return list(self.tasks_client.list_tasks(request=request))

    def stand_still(self) -> None:
        """Pause all queues and empty all tables, which is the state in which a test begins."""
        self.hold("kick", "execute")
        tables = ("tenant_pipeline_configs", "pipeline_execution_queue", "tenant_usage_quotas")
        self.query(";".join(f"DELETE FROM tenants.{table} WHERE TRUE" for table in tables))

    def hold(self, *queues: str) -> None:
        """Pause these queues, and make Cloud Tasks forget their tasks and all names that were ever used.

        A kick's name says only when it is due, so a kick of an earlier test would have the name of this test's kick.
        """
        names = [self.cloud.cloud.queue(name) for name in _with_others(queues)]
        for name in names:
            self.tasks_client.pause_queue(name=name)
        assert self.cloud.tasks.forget(*names, timeout_seconds=60), "a delivery does not end"

    def move_on(self, *queues: str) -> None:
        """Let Cloud Tasks deliver the present and future tasks of these queues."""
        for name in _with_others(queues):
            self.tasks_client.resume_queue(name=self.cloud.cloud.queue(name))


def statements(dispatching: Dispatching, answer: Json) -> list[str]:
    """The statements that a call sent to BigQuery, by name."""
    found = [job for job in dispatching.cloud.bigquery.jobs() if job["request_id"] == answer["request_id"]]
    return [job["labels"]["statement"] for job in found]


def _with_others(queues: Sequence[str]) -> list[str]:
    return [*queues, *(also for queue in queues for also in ALSO.get(queue, []))]
