"""If an executor dies without a report, a closing task finds out how its run ended."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from tests.e2e.execution.conftest import StartInstance
from tests.support.dispatching import Dispatching
from tests.support.executions import Delivery, Executions, Json, eventually
from tests.support.tenant import Tenant

SettledAs = Callable[[Delivery], list[tuple[str, str | None]]]
SILENT = {"status": "FAILED", "error_class": "LEASE_EXPIRED", "error_message": "the executor stopped reporting"}
CANCELLED = {"status": "CANCELLED", "error_class": "CANCELLED", "error_message": "on request"}
DEAF = {"HEARTBEAT_SECONDS": "3600"}  # the executor reads no signals while it waits


@pytest.fixture
def settled_as(executions: Executions, live_dispatcher: Dispatching) -> SettledAs:
    """The dispatcher's settlement of a run whose executor stopped reporting an hour ago."""

    def settled(delivery: Delivery) -> list[tuple[str, str | None]]:
        executions.fall_silent(delivery.run_id)
        live_dispatcher.process()
        reported = (
            "SELECT outcome, error_class FROM tenants.pipeline_run_events"
            " WHERE run_id = @run_id AND kind = 'SETTLED' ORDER BY occurred_at"
        )
        found = eventually(lambda: executions.query(reported, run_id=delivery.run_id))
        return [(event["outcome"], event["error_class"]) for event in found]

    return settled


def test_a_run_succeeded_if_its_last_attempt_published_and_died_before_its_report(
    extracting: Executions, reader: Tenant, start_extracting: StartInstance, settled_as: SettledAs
) -> None:
    delivery, instance = extracting.admit(reader, {"date": "2025-11-16"}, max_retries=0), start_extracting()
    with extracting.held(delivery, "log", url=instance.url) as held:
        instance.signal(signal.SIGKILL)
        assert held.answer.result() == "CUT OFF"
    ended = extracting.run_row(delivery)
    assert (ended["status"], kinds_of(extracting, delivery)) == ("COMPLETED", {"CLAIMED", "STEP"})
    assert settled_as(delivery) == [("COMPLETED", None)]
    assert extracting.run_row(delivery) == ended


def kinds_of(executions: Executions, delivery: Delivery) -> set[str]:
    return {event["kind"] for event in executions.events(delivery)}


@pytest.mark.parametrize("max_retries", [0, 3])
def test_a_run_that_published_before_it_was_cancelled_and_then_died_has_succeeded(
    extracting: Executions, reader: Tenant, start_extracting: StartInstance, settled_as: SettledAs, max_retries: int
) -> None:
    delivery = extracting.admit(reader, {"date": "2025-11-16"}, max_retries=max_retries)
    instance = start_extracting(**DEAF)
    with extracting.held(delivery, "log", url=instance.url) as held:
        extracting.request_cancel(delivery)
        instance.signal(signal.SIGKILL)
        assert held.answer.result() == "CUT OFF"
    assert settled_as(delivery) == [("COMPLETED", None)]
    assert extracting.run_row(delivery)["status"] == "COMPLETED"


def test_a_run_that_is_cancelled_while_its_publish_begins_publishes_nothing(
    extracting: Executions, reader: Tenant, start_extracting: StartInstance
) -> None:
    delivery, instance = extracting.admit(reader, {"date": "2025-11-16"}), start_extracting(**DEAF)
    with extracting.held(delivery, "publish", url=instance.url) as held:
        extracting.request_cancel(delivery)
        held.let_go()
        assert held.answer.result() == "CANCELLED"
    assert extracting.published(reader) == []
    assert extracting.run_row(delivery)["status"] == "CANCELLED"


def test_a_last_attempt_that_fails_and_knows_how_it_ended_needs_no_closing(
    executions: Executions, reader: Tenant, environment: dict[str, str], start_instance: StartInstance
) -> None:
    keyless = start_instance(KMS_KEY=f"{environment['KMS_KEY']}-gone")
    facts = []
    for max_retries in (1, 0):
        delivery = executions.admit(reader, {"date": "2025-11-16"}, max_retries=max_retries)
        assert executions.deliver(delivery, url=keyless.url) == "FAILED"
        facts.append((executions.events(delivery)[-1]["retryable"], executions.run_row(delivery)["status"]))
    assert facts == [(True, "RUNNING"), (False, "FAILED")]


def test_a_run_failed_if_its_last_attempt_died_before_it_published(
    executions: Executions, reader: Tenant, start_instance: StartInstance, settled_as: SettledAs
) -> None:
    delivery, instance = executions.admit(reader, {"date": "2025-11-16"}, max_retries=0), start_instance()
    with executions.held(delivery, "begin", url=instance.url) as held:
        instance.signal(signal.SIGKILL)
        assert held.answer.result() == "CUT OFF"
        assert settled_as(delivery) == [("FAILED", "LEASE_EXPIRED")]
    queued = "SELECT 1 FROM tenants.pipeline_execution_queue WHERE run_id = @run_id"
    assert executions.query(queued, run_id=delivery.run_id) == []


def test_a_last_attempt_that_is_closed_before_its_publish_publishes_nothing(
    extracting: Executions, reader: Tenant, start_extracting: StartInstance, settled_as: SettledAs
) -> None:
    delivery, zombie = extracting.admit(reader, {"date": "2025-11-16"}, max_retries=0), start_extracting(**DEAF)
    with extracting.held(delivery, "publish", url=zombie.url) as held:
        assert settled_as(delivery) == [("FAILED", "LEASE_EXPIRED")]
        assert held.end() == "FAILED"
    assert "FENCE_LOST" in extracting.error_of(delivery)
    assert extracting.published(reader) == []
    assert extracting.run_row(delivery)["status"] == "FAILED"


def test_a_run_that_was_closed_as_cancelled_without_an_event_is_cancelled(
    extracting: Executions, reader: Tenant, start_extracting: StartInstance, settled_as: SettledAs
) -> None:
    delivery, instance = extracting.admit(reader, {"date": "2025-11-16"}, max_retries=0), start_extracting()
    with extracting.held(delivery, "publish", url=instance.url) as held:
        closed = extracting.post(delivery.to_body() | {"lease_id": None, "closing": CANCELLED})
        assert closed.json() == {"status": "CLOSED"}
        instance.signal(signal.SIGKILL)
        assert held.answer.result() == "CUT OFF"
    assert settled_as(delivery) == [("CANCELLED", "CANCELLED")]
    assert extracting.run_row(delivery)["status"] == "CANCELLED"


@pytest.mark.parametrize("is_cancelled", [False, True])
def test_the_log_of_a_killed_run_has_its_finished_steps_and_the_interrupted_one(
    executions: Executions, reader: Tenant, start_instance: StartInstance, is_cancelled: bool
) -> None:
    delivery, instance = executions.admit(reader, {"date": "2025-11-16"}, max_retries=0), start_instance()
    with executions.held(delivery, "focus", url=instance.url) as held:
        instance.signal(signal.SIGKILL)
        assert held.answer.result() == "CUT OFF"
    if is_cancelled:
        executions.request_cancel(delivery)
    closing = delivery.to_body() | {"hop": 1, "closing": SILENT}
    status = "CANCELLED" if is_cancelled else "FAILED"
    assert [executions.post(closing).json()["status"] for _ in range(2)] == [status, status]

    ended = executions.run_row(delivery)
    assert ended["status"] == status
    assert ended["bytes_billed"] == sum(step["bytes_billed"] or 0 for step in executions.steps_of(delivery))
    assert steps_logged(executions, delivery) == [
        ("extract", "COMPLETED", None),
        ("focus", "FAILED", ended["error_message"]),
    ]
    checked = f"SELECT check_id FROM {reader.tenant_id}.x_meta_dq_results WHERE pipeline_logging_id = @run_id"
    assert {"check_id": "extract.rows_have_a_usage_day"} in executions.query(checked, run_id=delivery.run_id)


def steps_logged(executions: Executions, delivery: Delivery) -> list[tuple[str, str, str | None]]:
    logged = (
        f"SELECT step_id, status, error_message FROM {delivery.tenant.tenant_id}.x_meta_step_logs"
        " WHERE pipeline_logging_id = @run_id AND action = 'STEP' ORDER BY started_at"
    )
    found: list[Json] = executions.query(logged, run_id=delivery.run_id)
    return [(row["step_id"], row["status"], row["error_message"]) for row in found]


def test_a_closing_task_ends_a_run_once(extracting: Executions, reader: Tenant) -> None:
    delivery = extracting.run(reader, {"date": "2025-11-16"})
    ended = extracting.run_row(delivery)
    body = delivery.to_body() | {"lease_id": None, "closing": SILENT}
    assert extracting.post(body).json() == {"status": "CLOSED"}
    assert extracting.run_row(delivery) == ended
