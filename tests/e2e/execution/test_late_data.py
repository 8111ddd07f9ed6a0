"""A month of late, corrected and shuffled rows, loaded under faults, equals one clean load and has a true log."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from itertools import combinations

import pytest
from google.cloud import bigquery

from shared.adapters.bigquery.sql import load_statements
from shared.configuration.templates import get_template, sql_file
from tests.conftest import MakeTenant
from tests.e2e.execution.conftest import StartInstance
from tests.support.arriving_exports import DAYS, START, ArrivingExport, make_export, month_of_exports
from tests.support.executions import Executions
from tests.support.tenant import Tenant
from tests.support.under_fire import UnderFire, bill

SEEDS = [20251101]  # another seed gives another month, another order and other kills
TEMPLATE = get_template("gcp", "cost", "billing")

Figures = Mapping[tuple[str, date, str], tuple[int, Decimal]]  # rows and cost by table, day and currency


@pytest.fixture
def export(tenant: Tenant) -> Iterator[ArrivingExport]:
    """The tenant's export, still empty."""
    with tenant.cloud.clients(tenant.gcp_key) as clients:
        yield make_export(clients.bigquery(), tenant)


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
    """The changes in each run's log, by table, day and currency."""
    log: dict[str, dict[tuple[str, date, str], tuple[int, Decimal]]] = defaultdict(dict)
    for row in executions.query(f"SELECT * FROM {tenant.tenant_id}.x_meta_restatements"):
        key = (row["table_name"], row["usage_date"], row["billing_currency"])
        assert key not in log[row["pipeline_logging_id"]]
        added = (row["rows_after"] - row["rows_before"], row["cost_after"] - row["cost_before"])
        log[row["pipeline_logging_id"]][key] = added
    return log


def assert_log_adds_up(states: list[tuple[str, Figures]], log: Mapping[str, Figures]) -> None:
    """Assert for any two moments: each day that had data at the first one changed by the sum of its log entries."""
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
def test_a_month_of_shuffled_exports_with_killed_executors_equals_one_clean_load(
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
        for _ in range(min(len(exports), rng.randint(4, 8))):
            export.add(exports.pop())
        delivery = under_fire.run(tenant)
        states.append((delivery.run_id, figures(executions, tenant)))
    assert under_fire.kills > 2, "fewer than three kills hit a run"

    calm = make_tenant()
    calm.project = tenant.project
    calm.__dict__["export"] = tenant.export
    executions.run(calm, {})
    for target in TEMPLATE.publish:
        assert bill(executions, tenant, target.table) == bill(executions, calm, target.table), target.table
    executions.run(tenant, {})  # finds nothing new, and adds nothing to the log
    log = restatements(executions, tenant)
    assert log.keys() <= {run_id for run_id, _ in states}
    assert len(log) > len(states) / 2, "at most half of the runs restated anything"
    assert_log_adds_up(states, log)
