"""A run that is in the queue twice counts as one and delays no other run. A tick that has an outcome gets no other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.support.dispatching import Dispatching

YESTERDAY = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=22)


def test_two_rows_of_one_run_count_as_one_and_the_dispatcher_continues(
    dispatching: Dispatching, tenant_id: str
) -> None:
    (doubled,) = dispatching.enqueue(tenant_id, "gcp-cost-billing")
    dispatching.query(
        "INSERT INTO tenants.pipeline_execution_queue SELECT * FROM tenants.pipeline_execution_queue"
        " WHERE run_id = @run_id",
        run_id=doubled,
    )
    (other,) = dispatching.enqueue(dispatching.onboard(), "gcp-cost-billing")

    answer = dispatching.process()

    assert sorted(run["pipeline_logging_id"] for run in answer["runs"]) == sorted([doubled, other])
    dispatching.report(doubled, "SUCCEEDED")
    assert dispatching.process()["settled_count"] == 1
    assert dispatching.item(doubled) == {}
    assert dispatching.scheduled(doubled)["state"] == "COMPLETED"


def test_a_schedule_with_an_earlier_next_run_time_does_not_repeat_its_ticks(
    dispatching: Dispatching, tenant_id: str
) -> None:
    config_id = dispatching.schedule(tenant_id, next_run_time=YESTERDAY)
    dispatching.trigger()
    following = dispatching.config(config_id)["next_run_time"]
    dispatching.query(
        "UPDATE tenants.tenant_pipeline_configs SET next_run_time = CAST(@tick AS TIMESTAMP)"
        " WHERE config_id = @config_id",
        tick=YESTERDAY.isoformat(),
        config_id=config_id,
    )

    dispatching.trigger()

    assert dispatching.config(config_id)["next_run_time"] == following
    (run,) = dispatching.runs_of(config_id)
    assert dispatching.process()["processed_count"] == 1
    assert dispatching.item(run["run_id"])["state"] == "PROCESSING"
