"""Makes runs whose executors are killed at random, and compares what they have published."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from devcloud.bigquery.jobs.gate import Gate
from tests.support.executions import Delivery, Executions, eventually
from tests.support.instance import Instance
from tests.support.tenant import Tenant

OF_THE_RUN = {"x_pipeline_logging_id", "x_ingested_at"}
STEPS = ("begin", "extract", "focus", "checks", "publish", "log")


class UnderFire:
    """Delivers a run to executors that are killed at random steps, and repeats the delivery until the run succeeds."""

    def __init__(self, executions: Executions, start_instance: Callable[[], Instance], rng: random.Random) -> None:
        self._executions, self._start, self._rng = executions, start_instance, rng
        self._instance: Instance | None = None
        self.kills = 0

    def run(self, tenant: Tenant, *, source: str | None = None) -> Delivery:
        """Make an incremental run, of the source's provider, and repeat its deliveries until it succeeds."""
        delivery = self._executions.admit(tenant, {}, source=source)
        while self._rng.random() < 0.5:
            self._cut_off(delivery)
            delivery = self._executions.admit_again(delivery)
        with ThreadPoolExecutor(2) as threads:
            answers = set(threads.map(lambda _: self._executions.deliver(delivery), range(2)))
        assert answers == {"SUCCEEDED", "DUPLICATE"}, self._executions.error_of(delivery)
        return delivery

    def _cut_off(self, delivery: Delivery) -> None:
        """Deliver, and kill the executor before or after one of its jobs is done, if it starts that job."""
        instance, bigquery = self._instance or self._start(), self._executions.cloud.bigquery
        step = self._rng.choice(STEPS)
        with ThreadPoolExecutor(1) as threads, bigquery.hold(run=delivery.run_id, step=step) as gate:
            answer = threads.submit(self._executions.try_to_deliver, delivery, url=instance.url)
            eventually(lambda: gate.has_caught or answer.done())
            self._instance = instance if answer.done() else None
            if self._instance is None:
                self._kill(instance, gate)

    def _kill(self, instance: Instance, gate: Gate) -> None:
        instance.signal(signal.SIGSTOP)
        if self._rng.random() < 0.5:
            gate.open()
            job_id = gate.await_job()
            eventually(lambda: self._executions.client.get_job(job_id).done())
        instance.signal(signal.SIGKILL)
        self.kills += 1


def bill(executions: Executions, tenant: Tenant, table: str) -> list[str]:
    """All published rows of a table, as texts, without the columns that say which run published them and when."""
    rows = executions.query(f"SELECT * FROM {tenant.tenant_id}.{table}")
    return sorted(repr({name: row[name] for name in row if name not in OF_THE_RUN}) for row in rows)
