"""Executes runs as the dispatcher would deliver them, and reads their results."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import requests
from google.cloud import bigquery

from devcloud.bigquery.jobs.gate import Gate
from devcloud.server import Devcloud
from tests.support.queries import ask
from tests.support.queue import enqueue, queued_run
from tests.support.tenant import Api, Tenant

# The header that tests/support/changed_execute_run.py reads. That module is not imported because it loads the product.
HEADER = "X-Changed-Template"

Json = dict[str, Any]
EXECUTE = "/api/v1/internal/execute"


@dataclass(frozen=True)
class Delivery:
    """The body of a task for execute_run, and the tenant of its run."""

    tenant: Tenant
    run_id: str
    lease_id: str
    attempt: int = 1
    hop: int = 0
    template: str = "billing"
    provider: str = "gcp"

    @property
    def pipeline_id(self) -> str:
        """The pipeline that runs."""
        return f"{self.provider}-cost-{self.template}"

    def to_body(self) -> Json:
        names = {"run_id": self.run_id, "tenant_id": self.tenant.tenant_id, "pipeline_logging_id": self.run_id}
        lease = {"lease_id": self.lease_id, "attempt": self.attempt, "hop": self.hop, "closing": None}
        return names | lease | {"pipeline_id": self.pipeline_id}


@dataclass(frozen=True)
class Held:
    """A delivery whose executor waits for a job that devcloud holds; `answer` is what it will answer."""

    gate: Gate
    answer: Future[str]

    def let_go(self) -> None:
        """Let devcloud finish the job."""
        self.gate.open()

    def end(self) -> str:
        """Let devcloud finish the job; return the executor's answer."""
        self.let_go()
        return self.answer.result()


@dataclass
class Executions:
    """Puts admitted items into the queue and delivers them, without a dispatcher in between.

    They go to the gateway's execute_run, or to the instance at `url`. Only an instance that changes templates gets
    `changes`.
    """

    cloud: Devcloud
    client: bigquery.Client
    prepared: set[str] = field(default_factory=set)
    url: str | None = None
    changes: Json | None = None

    def admit(
        self,
        tenant: Tenant,
        parameters: Json,
        *,
        template: str = "billing",
        lease_seconds: int = 300,
        max_retries: int = 3,
        source: str | None = None,
    ) -> Delivery:
        """Queue an item of gcp/cost/<template> with a live lease, and store the tenant's credential if it is missing.

        With a `source` the template is one of that source's provider, and its credential is stored already.
        """
        provider = source.partition(":")[0] if source else "gcp"
        if source is None:
            self.prepare(tenant)
            source = f"gcp:{parameters.get('billing_export_table') or tenant.export.table}"
        delivery = Delivery(tenant, str(uuid.uuid4()), uuid.uuid4().hex, template=template, provider=provider)
        now = datetime.now(UTC)
        admitted = queued_run(
            tenant.tenant_id,
            delivery.run_id,
            template=template,
            trigger_by="cloud_scheduler",
            state="PROCESSING",
            attempt=1,
            max_retries=max_retries,
            parameters=parameters,
            provider=provider,
            pipeline_id=delivery.pipeline_id,
            source=source,
            lease_id=delivery.lease_id,
            lease_expires_at=(now + timedelta(seconds=lease_seconds)).isoformat(),
            processing_started_at=now.isoformat(),
        )
        enqueue(self.client, admitted)
        return delivery

    def admit_again(self, delivery: Delivery) -> Delivery:
        """Give a run its next attempt under a new lease, as after a rescue."""
        again = replace(delivery, lease_id=uuid.uuid4().hex, attempt=delivery.attempt + 1, hop=0)
        self.query(
            "UPDATE tenants.pipeline_execution_queue SET lease_id = @lease_id, attempt = @attempt, lease_expires_at ="
            " TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL 300 SECOND), processing_started_at = CURRENT_TIMESTAMP()"
            " WHERE run_id = @run_id",
            lease_id=again.lease_id,
            attempt=again.attempt,
            run_id=again.run_id,
        )
        return again

    def prepare(self, tenant: Tenant) -> None:
        """Store the tenant's credential through the API, once."""
        if tenant.tenant_id not in self.prepared:
            api = Api(self.cloud.ready["gateway"], tenant.api_key)
            answer = api.post(f"/api/v1/tenants/{tenant.tenant_id}/credentials", tenant.gcp_credentials)
            assert answer.status_code == 201, answer.text
            self.prepared.add(tenant.tenant_id)

    def deliver(self, delivery: Delivery, *, url: str | None = None) -> str:
        """Deliver, and return the answer of execute_run."""
        answer = self.post(delivery.to_body(), url=url)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["status"])

    def try_to_deliver(self, delivery: Delivery, *, url: str | None = None) -> str:
        """Deliver to an instance that may die meanwhile. Return its answer, or CUT OFF if it dies."""
        try:
            return self.deliver(delivery, url=url)
        except requests.ConnectionError:
            return "CUT OFF"

    @contextmanager
    def held(self, delivery: Delivery, step: str, *, url: str | None = None) -> Iterator[Held]:
        """Deliver, and hold the first job of this step until the test lets it go or the block ends.

        A step is one of the template's, or one that every run has: claim, begin, checks, publish, log.
        """
        labels = {"run": delivery.run_id, "step": step} | ({"statement": "publish"} if step == "publish" else {})
        with ThreadPoolExecutor(1) as threads, self.cloud.bigquery.hold(**labels) as gate:
            answer = threads.submit(self.try_to_deliver, delivery, url=url)
            gate.await_job()
            yield Held(gate, answer)

    def post(self, body: Json, *, url: str | None = None) -> requests.Response:
        """POST any body as Cloud Tasks does, to the gateway or to the instance at `url`."""
        function_url, url = f"{self.cloud.ready['gateway']}/execute_run", url or self.url
        account = f"cvg-tasks-invoker@{self.cloud.project}.iam.gserviceaccount.com"
        token = self.cloud.identity.id_token(account, function_url)
        if url is not None:  # behind Cloud Run's check there are no signatures
            token = ".".join([*token.split(".")[:2], "SIGNATURE_REMOVED_BY_GOOGLE"])
        # All deliveries have one id, as a caller may send it: it must not make two of them the same execution.
        headers = {"Authorization": f"Bearer {token}", "X-Request-ID": "any"}
        if self.changes is not None:
            headers[HEADER] = json.dumps(self.changes)
        return requests.post((url or function_url) + EXECUTE, json=body, headers=headers, timeout=100)

    def run(
        self, tenant: Tenant, parameters: Json, *, template: str = "billing", source: str | None = None
    ) -> Delivery:
        """Admit a run and execute it to its success."""
        delivery = self.admit(tenant, parameters, template=template, source=source)
        assert self.deliver(delivery) == "SUCCEEDED", self.error_of(delivery)
        return delivery

    def fall_silent(self, run_id: str) -> None:
        """Make the run's events an hour older, so that its lease has expired."""
        long_ago = "TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 1 HOUR)"
        for change in (
            "UPDATE tenants.pipeline_run_events SET occurred_at = TIMESTAMP_SUB(occurred_at, INTERVAL 1 HOUR)",
            f"UPDATE tenants.pipeline_execution_queue SET lease_expires_at = {long_ago}",
        ):
            self.query(f"{change} WHERE run_id = @run_id", run_id=run_id)

    def request_cancel(self, delivery: Delivery) -> None:
        """Ask for the run to be stopped, as the API does."""
        self.query(
            "INSERT INTO tenants.pipeline_run_events (event_id, run_id, tenant_id, kind, occurred_at)"
            " VALUES (GENERATE_UUID(), @run_id, @tenant_id, 'CANCEL_REQUESTED', CURRENT_TIMESTAMP())",
            run_id=delivery.run_id,
            tenant_id=delivery.tenant.tenant_id,
        )

    def query(self, sql: str, **values: Any) -> list[Json]:
        """The rows of a query of the operator's."""
        return ask(self.client, sql, **values)

    def run_row(self, delivery: Delivery) -> Json:
        """The run's row in the tenant's dataset."""
        rows = self.query(
            f"SELECT * FROM {delivery.tenant.tenant_id}.x_meta_pipeline_runs WHERE run_id = @run_id",
            run_id=delivery.run_id,
        )
        assert len(rows) == 1, rows
        return rows[0]

    def events(self, delivery: Delivery) -> list[Json]:
        """The run's events, oldest first, without heartbeats."""
        return self.query(
            "SELECT kind, lease_id, outcome, error_class, error_message, retryable, TO_JSON_STRING(details) AS details"
            " FROM tenants.pipeline_run_events WHERE run_id = @run_id AND kind != 'HEARTBEAT' ORDER BY occurred_at",
            run_id=delivery.run_id,
        )

    def steps_of(self, delivery: Delivery) -> list[Json]:
        """The details of the run's STEP events, oldest first."""
        return [json.loads(event["details"]) for event in self.events(delivery) if event["kind"] == "STEP"]

    def jobs_of(self, delivery: Delivery) -> list[Json]:
        """The BigQuery jobs that name the run in their label or id, from devcloud's log, oldest first."""
        return [
            job
            for job in self.cloud.bigquery.jobs()
            if delivery.run_id in (job["labels"].get("run"), job["id"][: len(delivery.run_id)])
            or delivery.lease_id in job["id"]
        ]

    def error_of(self, delivery: Delivery) -> str:
        """The errors of the run's FAILED events."""
        failed = [event for event in self.events(delivery) if event["kind"] == "FAILED"]
        return "; ".join(f"{event['error_class']}: {event['error_message']}" for event in failed)

    def published(self, tenant: Tenant) -> list[Json]:
        """Rows and exact costs of gcp_cost_billing by invoice month, and how many runs they come from."""
        return self.query(f"""
            SELECT
              invoice.month AS month,
              COUNT(*) AS row_count,
              SUM(cost) AS cost,
              SUM(COALESCE((SELECT SUM(credit.amount) FROM UNNEST(credits) AS credit), 0)) AS credits,
              COUNT(DISTINCT x_pipeline_logging_id) AS runs
            FROM {tenant.tenant_id}.gcp_cost_billing
            GROUP BY month
            ORDER BY month
            """)


def eventually(condition: Callable[[], Any], *, within_seconds: float = 60) -> Any:
    """The condition's first true answer; AssertionError when there is none in time.

    Each look takes processor time from the work that the test waits for, so it looks less and less often.
    """
    start = time.monotonic()
    while (waited := time.monotonic() - start) < within_seconds:
        if found := condition():
            return found
        time.sleep(min(max(0.05, waited / 4), 0.5))  # between two looks at a condition
    raise AssertionError("it did not come true in time")


def served(call: Callable[[], requests.Response]) -> Json:
    """The function's last answer, with the request's id.

    While others are always faster it is called again, as Cloud Tasks and Cloud Scheduler do.
    """

    def tried() -> list[requests.Response]:
        answer = call()
        return [] if answer.status_code == requests.codes.unavailable else [answer]

    (answer,) = eventually(tried)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found | {"request_id": answer.headers["X-Request-ID"]}
