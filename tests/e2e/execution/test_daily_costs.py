"""A publish keeps focus_cost_daily equal to focus_cost, also for tenants whose days an earlier release published."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from itertools import cycle
from typing import Any

from devcloud.clients import warehouse_of
from devcloud.seed_billing.rows import Plan
from shared.adapters.stores.cost_statements import CHARGES, DAILY, Table, costs_statement, is_added_up
from shared.domain.cost_properties import GROUPS
from shared.domain.costs import METRICS, CostRequest
from tests.support.daily_costs import assert_added_up, forget_days, is_complete
from tests.support.executions import Executions
from tests.support.tenant import SMALL_EXPORT, Api, Tenant

NOVEMBER = {"start_date": "2025-11-01", "end_date": "2025-11-30"}
ONE_DAY = {"date": "2025-11-16"}


def shown(tenant: Tenant, top: int) -> dict[str, Any]:
    api = Api(tenant.cloud.ready["gateway"], tenant.api_key)
    days = {"from": "2025-11-01", "to": "2025-11-30", "granularity": "day", "top": top}
    with api.session:
        answer = api.get(f"/api/v1/costs/{tenant.tenant_id}", params=days)
    assert answer.status_code == 200, answer.text
    return {"id": answer.headers["X-Request-ID"], **answer.json()}


def tables_of(executions: Executions, answer: dict[str, Any]) -> set[str]:
    """The tables of charges from which an answer was read."""
    jobs = executions.cloud.bigquery.jobs()
    read = [job for job in jobs if job["labels"].get("request_id") == answer["id"]]
    names = {name.rpartition(".")[2] for job in read for name in job["tables"]}
    return names & {"focus_cost", "focus_cost_daily"}


def requests_answered_by_days() -> Iterator[CostRequest]:
    """A request for each property that the table has, with every cost and granularity."""
    days = {"from": "2025-11-01", "to": "2025-11-30", "compare": "previous_period", "filter": "provider:Google Cloud"}
    for group, metric, granularity in zip(GROUPS, cycle(METRICS), cycle(("day", "month", "total"))):
        request = CostRequest.model_validate(days | {"group_by": group, "metric": metric, "granularity": granularity})
        if is_added_up(request):
            yield request


def read(executions: Executions, tenant: Tenant, request: CostRequest, table: Table) -> dict[str, Any]:
    asked = costs_statement(request, table=table)
    (found,) = warehouse_of(executions.client).read(asked.statement, asked.values, dataset=tenant.tenant_id)
    sums = sorted(found["sums"], key=lambda row: [str(value) for value in row.values()])
    return {"sums": sums, "providers": found["providers"]}


def test_days_that_are_published_again_are_added_up_again(executions: Executions, tenant: Tenant) -> None:
    client = executions.client
    executions.run(tenant, NOVEMBER)
    assert_added_up(client, tenant.tenant_id)
    tenant.seed(Plan(seed=SMALL_EXPORT.seed, start=date(2025, 11, 16), days=1, rows_per_day=10), append=True)
    executions.run(tenant, ONE_DAY)
    assert_added_up(client, tenant.tenant_id)
    assert is_complete(client, tenant.tenant_id) is True
    before = shown(tenant, top=101)
    assert tables_of(executions, before) == {"focus_cost_daily"}

    forget_days(client, tenant.tenant_id)
    assert is_complete(client, tenant.tenant_id) is None
    from_rows = shown(tenant, top=102)
    assert tables_of(executions, from_rows) == {"focus_cost"}
    assert from_rows["currencies"] == before["currencies"]

    executions.run(tenant, ONE_DAY)
    assert_added_up(client, tenant.tenant_id)
    assert is_complete(client, tenant.tenant_id) is True
    again = shown(tenant, top=103)
    assert tables_of(executions, again) == {"focus_cost_daily"}
    assert again["currencies"] == before["currencies"]
    assert Decimal(before["currencies"][0]["cost"]) != 0
    for request in requests_answered_by_days():
        of_days, of_rows = (read(executions, tenant, request, table) for table in (DAILY, CHARGES))
        assert of_days == of_rows, request
        assert of_days["sums"]
