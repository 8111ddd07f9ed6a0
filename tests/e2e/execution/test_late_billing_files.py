"""Deliveries of AWS and Azure out of order, repeated, and loaded by executors that are killed equal one clean load."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from devcloud.seed_billing.deliveries import Delivered, deliver_aws, deliver_azure
from tests.conftest import MakeFrontend
from tests.e2e.execution.conftest import StartInstance
from tests.support.executions import Executions
from tests.support.frontend import Frontend
from tests.support.under_fire import UnderFire, bill

# The last day of October is delivered too, so that each delivery is of two billing periods.
DAYS = [date(2025, 10, 31) + timedelta(days=number) for number in range(30)]
STATES = 3  # deliveries before the last one; a cloud delivers a period from its first day on
FINAL = 11  # the seed of the last delivery; others have other costs, so that each restates the one before


def source_of(frontend: Frontend, delivered: Delivered) -> str:
    """Store the credential; returns the source of its runs."""
    assert frontend.store(delivered.credentials).status_code in (200, 201)
    provider = delivered.credentials["provider"]
    return str(frontend.api.post(f"{frontend.credentials_path}/{provider}/verify").json()["source"])


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("deliver", "table"), [(deliver_aws, "aws_cost_billing"), (deliver_azure, "azure_cost_billing")]
)
def test_a_month_of_shuffled_deliveries_with_killed_executors_equals_one_clean_load(
    executions: Executions,
    make_frontend: MakeFrontend,
    start_instance: StartInstance,
    deliver: Callable[..., Delivered],
    table: str,
) -> None:
    rng = random.Random(table)  # noqa: S311 - the same order and kills each time
    state: Path = executions.cloud.state.path
    name = f"late-{uuid.uuid4().hex[:8]}"
    tenant, calm = make_frontend(), make_frontend()
    source = source_of(tenant, deliver(state, name, FINAL, DAYS[:1]))
    under_fire = UnderFire(executions, start_instance, rng)
    lengths = [rng.randint(2, len(DAYS)) for _ in range(STATES)]
    for seed, length in enumerate([*lengths, lengths[0]]):
        deliver(state, name, seed % STATES, DAYS[:length])
        under_fire.run(tenant.tenant, source=source)
    last = deliver(state, name, FINAL, DAYS)
    under_fire.run(tenant.tenant, source=source)
    under_fire.run(tenant.tenant, source=source)
    assert under_fire.kills > 1, "hardly a kill hit a run"

    assert source_of(calm, last) == source
    executions.run(calm.tenant, {}, source=source)
    for published in (table, "focus_cost"):
        rows = bill(executions, tenant.tenant, published)
        assert rows == bill(executions, calm.tenant, published), published
        assert rows
