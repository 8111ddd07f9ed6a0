"""reset_daily_quotas through the gateway: nothing is lost, and nothing is counted twice."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tests.support.dispatching import Dispatching, statements

FINISHED = datetime.now(UTC).date() - timedelta(days=1)  # it stays finished if midnight passes


@pytest.fixture
def today(dispatching: Dispatching) -> Iterator[date]:
    """BigQuery's day, which does not end before the test."""
    with dispatching.one_day() as day:
        yield day


def day_of(answer: dict[str, Any]) -> date:
    """The day on which a reset ran."""
    return datetime.fromisoformat(answer["executed_at"]).date()


def history(dispatching: Dispatching, tenant_id: str) -> list[tuple[date, int, int, int]]:
    sql = "SELECT * FROM tenants.tenant_usage_history WHERE tenant_id = @tenant_id ORDER BY usage_date"
    rows = dispatching.query(sql, tenant_id=tenant_id)
    counts = ("pipelines_run_today", "pipelines_succeeded_today", "pipelines_failed_today")
    return [(row["usage_date"], *(row[name] for name in counts)) for row in rows]


def quotas(dispatching: Dispatching, tenant_id: str) -> dict[date, int]:
    sql = "SELECT usage_date, pipelines_run_today FROM tenants.tenant_usage_quotas WHERE tenant_id = @tenant_id"
    return {row["usage_date"]: row["pipelines_run_today"] for row in dispatching.query(sql, tenant_id=tenant_id)}


def test_a_finished_day_is_archived_and_reset_and_today_begins(dispatching: Dispatching, tenant_id: str) -> None:
    dispatching.use(tenant_id, FINISHED, run=5, succeeded=3, failed=1)

    answer = dispatching.reset()

    assert (answer["status"], answer["records_updated"] >= 1) == ("success", True)
    expected = f"Reset {answer['records_updated']} daily quotas, archived {answer['records_archived']} old records"
    assert answer["message"] == expected
    assert statements(dispatching, answer) == ["reset_usage"]
    assert history(dispatching, tenant_id) == [(FINISHED, 5, 3, 1)]
    assert quotas(dispatching, tenant_id) == {FINISHED: 0, day_of(answer): 0}


def test_a_repeated_reset_changes_nothing(dispatching: Dispatching, tenant_id: str) -> None:
    dispatching.use(tenant_id, FINISHED, run=5, succeeded=3, failed=1)
    dispatching.reset()
    again = dispatching.reset()
    assert (again["records_updated"], again["records_archived"]) == (0, 0)
    assert history(dispatching, tenant_id) == [(FINISHED, 5, 3, 1)]


def test_a_run_that_ends_after_its_day_was_archived_still_counts(dispatching: Dispatching, tenant_id: str) -> None:
    dispatching.use(tenant_id, FINISHED, run=1, succeeded=0, failed=0)
    dispatching.reset()
    expires = (datetime.now(UTC) + timedelta(minutes=4)).isoformat()
    (run_id,) = dispatching.enqueue(
        tenant_id, "a", state="PROCESSING", attempt=1, lease_id="lease", lease_expires_at=expires,
        processing_started_at=datetime.now(UTC).isoformat(), quota_date=FINISHED.isoformat(),
    )  # fmt: skip
    dispatching.report(run_id, "SUCCEEDED")
    dispatching.process()
    dispatching.reset()
    assert history(dispatching, tenant_id) == [(FINISHED, 1, 1, 0)]


def test_the_current_day_does_not_change_at_any_hour(dispatching: Dispatching, today: date) -> None:
    tenant_id = dispatching.onboard()
    dispatching.use(tenant_id, today, run=4, succeeded=1, failed=0)
    dispatching.reset()
    assert quotas(dispatching, tenant_id) == {today: 4}
    assert history(dispatching, tenant_id) == []


def test_rows_older_than_ninety_days_are_archived_and_pruned(dispatching: Dispatching, today: date) -> None:
    tenant_id = dispatching.onboard()
    old, kept = today - timedelta(days=91), today - timedelta(days=90)
    dispatching.use(tenant_id, old, run=2, succeeded=2, failed=0)
    dispatching.use(tenant_id, kept, run=1, succeeded=1, failed=0)
    assert dispatching.reset()["records_archived"] == 1
    assert quotas(dispatching, tenant_id) == {kept: 0, today: 0}
    assert history(dispatching, tenant_id) == [(old, 2, 2, 0), (kept, 1, 1, 0)]


def test_resets_and_dispatchers_at_once_make_one_row_for_today(dispatching: Dispatching, today: date) -> None:
    tenant_id, since = dispatching.onboard(), f"{today}T00:00:00Z"
    dispatching.use(tenant_id, FINISHED, run=5, succeeded=3, failed=1)
    dispatching.enqueue(tenant_id, "a", "b", added_at=since, available_at=since)
    with ThreadPoolExecutor(4) as threads:
        resets = [threads.submit(dispatching.reset) for _ in range(2)]
        calls = [threads.submit(dispatching.call) for _ in range(2)]
        assert sum(submitted.result()["records_updated"] for submitted in resets) == 1
        assert {submitted.result().status_code for submitted in calls} <= {200, 503}
    dispatching.process()
    assert quotas(dispatching, tenant_id) == {FINISHED: 0, today: 2}
    sql = "SELECT COUNT(*) AS found FROM tenants.tenant_usage_quotas WHERE tenant_id = @tenant_id"
    assert dispatching.query(sql, tenant_id=tenant_id) == [{"found": 2}]
