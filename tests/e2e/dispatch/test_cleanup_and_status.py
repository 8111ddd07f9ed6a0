"""The hourly clean-up and the operator's status, through the gateway."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import requests
from google.cloud import bigquery

from tests.support.dispatching import Dispatching, statements

Json = dict[str, Any]
AGO = (datetime.now(UTC) - timedelta(minutes=6)).isoformat()


def clean_up(dispatching: Dispatching) -> Json:
    answer = dispatching.call_scheduled("cleanup_orphaned_pipelines", "cleanup-orphaned-pipelines")
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


def status(dispatching: Dispatching) -> Json:
    token = dispatching.token("cvg-operator", audience="scheduler_status")
    url = f"{dispatching.cloud.ready['gateway']}/api/v1/scheduler/status"
    answer = requests.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=60)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found | {"request_id": answer.headers["X-Request-ID"]}


def lost(dispatching: Dispatching, tenant_id: str, *, attempt: int) -> str:
    """A run whose executor claimed it and went silent."""
    (run_id,) = dispatching.enqueue(
        tenant_id, "a", state="PROCESSING", attempt=attempt, lease_id="lease", lease_expires_at=AGO,
        processing_started_at=AGO,
    )  # fmt: skip
    dispatching.report(run_id, "CLAIMED", occurred_at=AGO)
    return run_id


class TestCleanUp:
    def test_a_lost_run_is_requeued_and_one_without_attempts_is_closed(self, dispatching: Dispatching) -> None:
        again = lost(dispatching, dispatching.onboard(), attempt=1)
        last = lost(dispatching, dispatching.onboard(), attempt=4)
        answer = clean_up(dispatching)
        counts = (answer["status"], answer["orphans_found"], answer["requeued"], answer["failed"])
        assert counts == ("success", 2, 2, 0)
        assert dispatching.item(again)["state"] == "QUEUED"
        (closing,) = dispatching.deliveries(last)
        assert (closing["closing"]["error_class"], closing["lease_id"]) == (
            "LEASE_EXPIRED", dispatching.item(last)["lease_id"],
        )  # fmt: skip
        dispatching.report(last, "FAILED", retryable=False, error_class="LEASE_EXPIRED")
        dispatching.process()
        assert dispatching.scheduled(last)["outcome_reason"] == "LEASE_EXPIRED"

    def test_a_run_without_a_closed_row_gets_its_closing_task(self, dispatching: Dispatching, tenant_id: str) -> None:
        (run_id,) = dispatching.enqueue(tenant_id, "a")
        dispatching.report(run_id, "SETTLED", outcome="CANCELLED", error_class="CANCELLED", lease_id=None)
        clean_up(dispatching)
        clean_up(dispatching)
        assert [run["status"] for run in dispatching.closings(run_id)] == ["CANCELLED"]

    def test_staging_past_its_expiry_is_removed(self, dispatching: Dispatching) -> None:
        staging = f"{dispatching.cloud.project}.{dispatching.cloud.platform.datasets.staging}"
        soon = bigquery.Table(f"{staging}.left_behind", schema=[bigquery.SchemaField("x", "STRING")])
        soon.expires = datetime.now(UTC) + timedelta(seconds=1)
        dispatching.client.create_table(soon)
        kept = dispatching.client.create_table(bigquery.Table(f"{staging}.in_use", schema=soon.schema))
        while datetime.now(UTC) < soon.expires:
            assert dispatching.client.get_table(kept)
        clean_up(dispatching)
        names = {table.table_id for table in dispatching.client.list_tables(staging)}
        assert "left_behind" not in names
        assert "in_use" in names


class TestStatus:
    def test_the_status_shows_the_queue_in_one_job(self, dispatching: Dispatching) -> None:
        tenant_id = dispatching.onboard(daily_limit=1)
        dispatching.enqueue(tenant_id, "a", "b")
        dispatching.process()
        shown = status(dispatching)
        assert statements(dispatching, shown) == ["read_status"]
        assert shown["queue"] == {"QUEUED": 1, "PROCESSING": 1}
        assert shown["waiting"] == {"DAILY_LIMIT": 1}
        assert shown["live_leases"] == 1
        assert 0 <= shown["oldest_waiting_seconds"] < 60
        assert [tenant["tenant_id"] for tenant in shown["tenants_near_limit"]] == [tenant_id]
        assert shown["jobs"]["process_queue"]["last_success_at"] is not None
        dispatching.query(f"UPDATE tenants.tenant_subscriptions SET daily_limit = 2 WHERE tenant_id = '{tenant_id}'")
        assert status(dispatching)["tenants_near_limit"] == []

    def test_the_status_shows_overdue_work(self, dispatching: Dispatching, tenant_id: str) -> None:
        long_ago = datetime.now(UTC) - timedelta(days=1)
        dispatching.enqueue(tenant_id, "a", added_at=long_ago.isoformat())
        dispatching.schedule(tenant_id, next_run_time=long_ago)
        dispatching.query("DELETE FROM tenants.scheduler_job_runs WHERE job = 'reset_daily_quotas'")
        # The platform is new.
        assert "reset_daily_quotas" not in {entry["what"] for entry in status(dispatching)["overdue"]}
        dispatching.query(
            "INSERT INTO tenants.scheduler_job_runs (job, started_at, outcome)"
            " VALUES ('reset_daily_quotas', TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 26 HOUR), 'SUCCESS')"
        )
        overdue = {entry["what"]: entry["since"] for entry in status(dispatching)["overdue"]}
        assert {"queue", "ticks", "reset_daily_quotas"} <= overdue.keys()
        assert None not in overdue.values()

    def test_the_ticks_of_a_lapsed_subscription_are_not_overdue(self, dispatching: Dispatching) -> None:
        before = status(dispatching)["overdue"]
        tenant_id = dispatching.onboard()
        dispatching.query(
            "UPDATE tenants.tenant_subscriptions SET ends_at = CURRENT_TIMESTAMP() WHERE tenant_id = @tenant_id",
            tenant_id=tenant_id,
        )
        dispatching.schedule(tenant_id, next_run_time=datetime.now(UTC) - timedelta(days=9))
        since = [entry["since"] for entry in before if entry["what"] == "ticks"]
        assert [entry["since"] for entry in status(dispatching)["overdue"] if entry["what"] == "ticks"] == since

    def test_the_status_counts_the_outcomes_of_the_last_day(self, dispatching: Dispatching, tenant_id: str) -> None:
        before = status(dispatching)["runs_last_24h"]
        done, failing = dispatching.enqueue(tenant_id, "a", "b")
        dispatching.process()
        dispatching.report(done, "SUCCEEDED")
        dispatching.report(failing, "FAILED", retryable=True)
        dispatching.process()
        assert dispatching.item(failing)["wait_reason"] == "RETRY_BACKOFF"
        assert status(dispatching)["runs_last_24h"] == before | {"COMPLETED": before.get("COMPLETED", 0) + 1}

    def test_only_operators_may_read_the_status(self, dispatching: Dispatching) -> None:
        token = dispatching.token("cvg-scheduler-invoker", audience="scheduler_status")
        url = f"{dispatching.cloud.ready['gateway']}/api/v1/scheduler/status"
        assert requests.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=60).status_code in {401, 403}
