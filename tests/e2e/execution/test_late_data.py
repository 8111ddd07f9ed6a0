"""A month that arrives late, corrected, shuffled and under fire leaves the tables of one clean load, and a true log."""

from __future__ import annotations

import random
import signal
from collections import defaultdict
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import date, timedelta
from decimal import Decimal
from itertools import combinations

import pytest
import requests
from google.cloud import bigquery

from shared.adapters.sql import load_statements
from shared.domain.templates import Target
from shared.templates import get_template, sql_file
from tests.conftest import MakeTenant
from tests.e2e.execution.conftest import StartInstance
from tests.support.arriving_exports import DAYS, START, ArrivingExport, make_export, month_of_exports
from tests.support.executions import Delivery, Executions, eventually
from tests.support.instance import Instance
from tests.support.tenant import Tenant

SEEDS = [20251101]  # another one makes another month, another order and other kills
TEMPLATE = get_template("gcp", "cost", "billing")
OF_THE_RUN = {"x_pipeline_logging_id", "x_ingested_at"}
LONGEST_SECONDS = 0.8

Figures = Mapping[tuple[str, date, str], tuple[int, Decimal]]  # rows and cost by table, day and currency


@pytest.fixture
def export(tenant: Tenant) -> Iterator[ArrivingExport]:
    """The tenant's export, still empty."""
    with tenant.cloud.clients(tenant.gcp_key) as clients:
        yield make_export(clients.bigquery(), tenant)


class UnderFire:
    """Delivers runs to an executor that is killed at random moments, and repeats deliveries, until they succeed."""

    def __init__(self, executions: Executions, start_instance: StartInstance, rng: random.Random) -> None:
        self._executions, self._start, self._rng = executions, start_instance, rng
        self._instance: Instance | None = None

    def run(self, tenant: Tenant) -> Delivery:
        """An incremental run, whatever happens to its executors."""
        delivery = self._executions.admit(tenant, {})
        while self._rng.random() < 0.4:
            self._cut_off(delivery)
            delivery = self._executions.admit_again(delivery)
        with ThreadPoolExecutor(2) as threads:
            answers = set(threads.map(lambda _: self._deliver(delivery), range(2)))
        assert answers == {"SUCCEEDED", "DUPLICATE"}, self._executions.error_of(delivery)
        return delivery

    def _cut_off(self, delivery: Delivery) -> None:
        """Kill the executor of a delivery, in most cases some time after it took the run up."""
        instance = self._instance or self._start()
        with ThreadPoolExecutor(1) as threads:
            answer = threads.submit(self._deliver, delivery, instance.url)
            if self._rng.random() < 0.8:
                eventually(lambda: answer.done() or self._is_taken_up(delivery))
            wait([answer], timeout=self._rng.uniform(0, LONGEST_SECONDS))
            self._instance = instance if answer.done() else None
            if self._instance is None:
                instance.signal(signal.SIGKILL)

    def _is_taken_up(self, delivery: Delivery) -> bool:
        return any(event["lease_id"] == delivery.lease_id for event in self._executions.events(delivery))

    def _deliver(self, delivery: Delivery, url: str | None = None) -> str:
        try:
            return self._executions.deliver(delivery, url=url)
        except requests.ConnectionError:
            return "CUT OFF"


def bill(executions: Executions, tenant: Tenant, target: Target) -> list[str]:
    """Everything published in a table, save which run did it and when."""
    rows = executions.query(f"SELECT * FROM {tenant.tenant_id}.{target.table}")
    return sorted(repr({name: row[name] for name in row if name not in OF_THE_RUN}) for row in rows)


def figures(executions: Executions, tenant: Tenant) -> Figures:
    """Rows and cost of every published table by day and currency, as the template itself adds them up."""
    found: dict[tuple[str, date, str], tuple[int, Decimal]] = {}
    values = {
        "source": f"gcp:{tenant.export.table}",
        "dates": [START + timedelta(days=n - 5) for n in range(DAYS + 10)],
    }
    for target in TEMPLATE.publish:
        billed = load_statements(sql_file(TEMPLATE))[target.billed].naming(rows=f"{{dataset}}.{target.table}")
        config = bigquery.QueryJobConfig(query_parameters=billed.query_parameters(values))
        for row in executions.client.query_and_wait(billed.sql(dataset=tenant.tenant_id), job_config=config):
            key = (target.table, row["usage_date"], row["billing_currency"])
            found[key] = (row["row_count"], row["billed_cost"])
    return found


def restatements(executions: Executions, tenant: Tenant) -> Mapping[str, Figures]:
    """What each run's log says it added, by table, day and currency."""
    log: dict[str, dict[tuple[str, date, str], tuple[int, Decimal]]] = defaultdict(dict)
    for row in executions.query(f"SELECT * FROM {tenant.tenant_id}.x_meta_restatements"):
        key = (row["table_name"], row["usage_date"], row["billing_currency"])
        assert key not in log[row["pipeline_logging_id"]]
        added = (row["rows_after"] - row["rows_before"], row["cost_after"] - row["cost_before"])
        log[row["pipeline_logging_id"]][key] = added
    return log


def assert_log_adds_up(states: list[tuple[str, Figures]], log: Mapping[str, Figures]) -> None:
    """Between any two moments each day that had data at the first one changed by what the log says."""
    nothing = (0, Decimal(0))
    for (first, (_, before)), (last, (_, after)) in combinations(enumerate(states), 2):
        published = {(table, day) for table, day, _ in before}
        changes = [log.get(run_id, {}) for run_id, _ in states[first + 1 : last + 1]]
        for key in {*before, *after}:
            if key[:2] not in published:
                continue
            rows, cost = before.get(key, nothing)
            for change in changes:
                more_rows, more_cost = change.get(key, nothing)
                rows, cost = rows + more_rows, cost + more_cost
            assert (rows, cost) == after.get(key, nothing), (first, last, key)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_month_in_shuffled_exports_under_fire_equals_one_clean_load(
    executions: Executions,
    tenant: Tenant,
    make_tenant: MakeTenant,
    start_instance: StartInstance,
    export: ArrivingExport,
    seed: int,
) -> None:
    rng = random.Random(seed)  # noqa: S311 - the same month each time
    exports = month_of_exports(rng)
    rng.shuffle(exports)
    under_fire = UnderFire(executions, start_instance, rng)
    states: list[tuple[str, Figures]] = []
    while exports:
        for _ in range(min(len(exports), rng.randint(2, 6))):
            export.add(exports.pop())
        delivery = under_fire.run(tenant)
        states.append((delivery.run_id, figures(executions, tenant)))
    taken_up = executions.query(
        "SELECT run_id FROM tenants.pipeline_run_events WHERE kind = 'CLAIMED' AND tenant_id = @tenant_id",
        tenant_id=tenant.tenant_id,
    )
    assert len(taken_up) > len(states), "no kill hit a run"

    calm = make_tenant()
    calm.project = tenant.project
    calm.__dict__["export"] = tenant.export
    executions.run(calm, {})
    for target in TEMPLATE.publish:
        assert bill(executions, tenant, target) == bill(executions, calm, target), target.table
    executions.run(tenant, {})  # finds nothing new, and adds nothing to the log
    log = restatements(executions, tenant)
    assert log.keys() <= {run_id for run_id, _ in states}
    assert len(log) > len(states) / 2, "hardly a run restated anything"
    assert_log_adds_up(states, log)
