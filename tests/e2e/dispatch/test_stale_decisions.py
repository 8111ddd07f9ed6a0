"""A decision that was made on an outdated read is not applied at all."""

from __future__ import annotations

import random
import uuid

import pytest

from devcloud.clients import warehouse_of
from shared.adapters.stores.queue import DispatchQueue
from shared.domain.dispatching.dispatch import DispatchPolicy, decide
from shared.errors import TransactionAborted
from tests.support.dispatching import Dispatching

MOVES = {
    "epoch": "UPDATE tenants.dispatcher_state SET epoch = epoch + 1 WHERE TRUE",
    "attempt": "UPDATE tenants.pipeline_execution_queue SET attempt = 1 WHERE run_id = @run_id",
    "lease": "UPDATE tenants.pipeline_execution_queue SET lease_id = 'another' WHERE run_id = @run_id",
    "gone": "DELETE FROM tenants.pipeline_execution_queue WHERE run_id = @run_id",
}


@pytest.mark.parametrize("moved", MOVES)
def test_a_decision_on_changed_items_changes_nothing(dispatching: Dispatching, tenant_id: str, moved: str) -> None:
    first, second = dispatching.enqueue(tenant_id, "gcp-cost-billing", "gcp-cost-daily_by_service")
    queue = DispatchQueue(warehouse_of(dispatching.client))
    state = queue.read()
    chances = random.SystemRandom()
    decision = decide(state, policy=DispatchPolicy(), max_runs=10, rng=chances, new_id=lambda: uuid.uuid4().hex)
    assert {change.action for change in decision.changes} == {"ADMIT"}
    dispatching.query(MOVES[moved], **({} if moved == "epoch" else {"run_id": first}))
    epoch = queue.read().epoch

    with pytest.raises(TransactionAborted):
        queue.apply(state, decision)

    assert (dispatching.item(second)["state"], dispatching.events(second)) == ("QUEUED", [])
    quotas = "SELECT 1 FROM tenants.tenant_usage_quotas WHERE tenant_id = @tenant_id"
    assert (dispatching.query(quotas, tenant_id=tenant_id), queue.read().epoch) == ([], epoch)
