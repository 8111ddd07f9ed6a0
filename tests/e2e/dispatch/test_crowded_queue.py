"""process_queue over a queue that is longer than one read: later calls handle the rest; blocked runs hide none."""

from __future__ import annotations

from datetime import UTC, datetime

from shared.domain.dispatching.dispatch import MAX_CHANGES
from tests.support.dispatching import Dispatching


def test_changes_that_exceed_one_transaction_are_made_by_the_next_call(dispatching: Dispatching) -> None:
    tenant_id = dispatching.onboard(daily_limit=0)
    dispatching.enqueue(tenant_id, *["gcp-cost-billing"] * (MAX_CHANGES + 1))
    new = "SELECT run_id FROM tenants.pipeline_execution_queue WHERE tenant_id = @tenant_id AND wait_reason IS NULL"

    assert dispatching.process()["waiting_count"] == MAX_CHANGES + 1
    assert len(dispatching.query(new, tenant_id=tenant_id)) == 1
    assert len(dispatching.kicks()) == 1

    dispatching.process()
    assert dispatching.query(new, tenant_id=tenant_id) == []


def test_a_retry_is_found_behind_many_runs_that_may_not_start(dispatching: Dispatching) -> None:
    tenant_id = dispatching.onboard(daily_limit=0)
    dispatching.enqueue(tenant_id, *["gcp-cost-billing"] * 501, wait_reason="DAILY_LIMIT")
    today = datetime.now(UTC).date().isoformat()
    (retry,) = dispatching.enqueue(
        tenant_id, "gcp-cost-billing", priority=4, attempt=1, quota_date=today, wait_reason="RETRY_BACKOFF"
    )
    assert [run["pipeline_logging_id"] for run in dispatching.process()["runs"]] == [retry]
