"""Cloud Scheduler through its official client and through the handlers of its jobs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from google.api_core import exceptions
from google.auth import jwt
from google.protobuf import duration_pb2

from devcloud.identity import Identity
from devcloud.scheduler import Scheduler
from tests.devcloud.scheduler.conftest import INVOKER, JOB, LOCATION, Client
from tests.support.devcloud.clock import Clock
from tests.support.devcloud.handler import PATIENCE_SECONDS, Handler

Make = Callable[..., Any]

TICK = datetime(2027, 1, 15, 8, 5, tzinfo=UTC)  # the first tick after 08:00:00, the time of the clock


def advance_to(moment: datetime, clock: Clock, service: Scheduler) -> None:
    clock.now = moment.timestamp()
    service.wake()


def test_a_job_calls_its_target_at_its_tick(
    make_job: Make, handler: Handler, service: Scheduler, clock: Clock, cloud_identity: Identity
) -> None:
    assert make_job().schedule_time == TICK

    advance_to(TICK, clock, service)

    received = handler.next_request()
    assert (received.method, received.path) == ("POST", "/run")
    assert received.headers["x-cloudscheduler"] == "true"
    assert received.headers["x-cloudscheduler-jobname"] == "process-queue"
    assert received.headers["x-cloudscheduler-scheduletime"] == "2027-01-15T08:05:00Z"
    assert received.headers["user-agent"] == "Google-Cloud-Scheduler"
    token = received.headers["authorization"].removeprefix("Bearer ")
    assert jwt.decode(token, certs=cloud_identity.certs(), audience="https://f")["email"] == INVOKER


def test_the_next_tick_follows_and_the_outcome_is_shown(
    make_job: Make, admin: Client, handler: Handler, service: Scheduler, clock: Clock
) -> None:
    make_job()
    handler.statuses = [503]
    advance_to(TICK, clock, service)
    handler.next_request()
    assert service.wait_idle(PATIENCE_SECONDS)

    job = admin.get_job(name=JOB)

    assert job.schedule_time == TICK.replace(minute=10)
    assert job.last_attempt_time == TICK
    assert (job.status.code, job.status.message) == (14, "HTTP status code 503")


def test_the_schedule_time_is_the_same_across_retries(
    make_job: Make, handler: Handler, service: Scheduler, clock: Clock
) -> None:
    make_job(retry_config={"retry_count": 2})
    handler.statuses = [500, 500]
    advance_to(TICK, clock, service)

    times = []
    for backoff in (5, 10, 0):
        times.append(handler.next_request().headers["x-cloudscheduler-scheduletime"])
        assert service.wait_idle(PATIENCE_SECONDS, due_within_seconds=0)
        clock.now += backoff
        service.wake()

    assert times == ["2027-01-15T08:05:00Z"] * 3
    assert service.wait_idle(PATIENCE_SECONDS)


def test_without_retries_a_failure_waits_for_the_next_tick(
    make_job: Make, handler: Handler, service: Scheduler, clock: Clock
) -> None:
    make_job()
    handler.statuses = [500]
    advance_to(TICK, clock, service)
    handler.next_request()

    assert service.wait_idle(PATIENCE_SECONDS)
    assert handler.is_quiet


def test_a_tick_is_skipped_while_the_previous_one_is_running(
    make_job: Make, handler: Handler, service: Scheduler, clock: Clock
) -> None:
    make_job()
    handler.gate.clear()
    advance_to(TICK, clock, service)
    handler.next_request()

    advance_to(TICK.replace(minute=10), clock, service)
    handler.gate.set()
    assert service.wait_idle(PATIENCE_SECONDS)

    advance_to(TICK.replace(minute=15), clock, service)
    assert handler.next_request().headers["x-cloudscheduler-scheduletime"] == "2027-01-15T08:15:00Z"


def test_a_tick_that_was_missed_while_stopped_is_not_executed_later(
    make_job: Make, handler: Handler, service: Scheduler, make_service: Callable[[], Scheduler], clock: Clock
) -> None:
    make_job()
    service.stop()
    clock.now = TICK.timestamp() + 1

    again = make_service()
    advance_to(TICK.replace(minute=10), clock, again)

    assert handler.next_request().headers["x-cloudscheduler-scheduletime"] == "2027-01-15T08:10:00Z"
    assert again.wait_idle(PATIENCE_SECONDS)
    assert handler.is_quiet


def test_an_interrupted_execution_is_repeated_after_a_restart(
    make_job: Make, handler: Handler, service: Scheduler, make_service: Callable[[], Scheduler], clock: Clock
) -> None:
    make_job()
    handler.gate.clear()
    advance_to(TICK, clock, service)
    handler.next_request()

    service.stop()
    handler.gate.set()
    again = make_service()

    assert handler.next_request().headers["x-cloudscheduler-scheduletime"] == "2027-01-15T08:05:00Z"
    assert again.wait_idle(PATIENCE_SECONDS)


def test_run_job_runs_now_and_leaves_the_schedule(
    make_job: Make, admin: Client, handler: Handler, service: Scheduler
) -> None:
    make_job()
    admin.pause_job(name=JOB)

    admin.run_job(name=JOB)

    assert handler.next_request().headers["x-cloudscheduler-scheduletime"] == "2027-01-15T08:00:00Z"
    assert service.wait_idle(PATIENCE_SECONDS)
    assert admin.get_job(name=JOB).state.name == "PAUSED"


def test_a_paused_job_has_no_tick_until_it_is_resumed(
    make_job: Make, admin: Client, handler: Handler, service: Scheduler, clock: Clock
) -> None:
    make_job()
    assert not admin.pause_job(name=JOB).schedule_time
    advance_to(TICK, clock, service)

    job = admin.resume_job(name=JOB)

    assert (job.state.name, job.schedule_time) == ("ENABLED", TICK.replace(minute=10))
    assert service.wait_idle(PATIENCE_SECONDS)
    assert handler.is_quiet


@pytest.mark.parametrize(
    ("zone", "schedule", "expected"),
    [
        ("Etc/UTC", "0 * * * *", datetime(2027, 1, 15, 9, tzinfo=UTC)),
        ("America/New_York", "0 0 * * *", datetime(2027, 1, 16, 5, tzinfo=UTC)),
        ("Asia/Kolkata", "30 9 * * *", datetime(2027, 1, 16, 4, tzinfo=UTC)),
    ],
)
def test_a_schedule_is_read_in_its_time_zone(make_job: Make, zone: str, schedule: str, expected: datetime) -> None:
    assert make_job(schedule=schedule, time_zone=zone).schedule_time == expected


def test_an_update_changes_only_the_fields_in_its_mask(make_job: Make, admin: Client) -> None:
    make_job(description="before")

    job = admin.update_job(
        request={
            "job": {"name": JOB, "schedule": "0 0 * * *", "description": "after"},
            "update_mask": {"paths": ["schedule"]},
        }
    )

    assert (job.schedule, job.description) == ("0 0 * * *", "before")
    assert job.schedule_time == datetime(2027, 1, 16, tzinfo=UTC)


def test_jobs_are_listed_and_deleted(make_job: Make, admin: Client) -> None:
    make_job()
    with pytest.raises(exceptions.AlreadyExists):
        make_job()
    assert [job.name for job in admin.list_jobs(parent=LOCATION)] == [JOB]

    admin.delete_job(name=JOB)

    with pytest.raises(exceptions.NotFound):
        admin.get_job(name=JOB)


@pytest.mark.parametrize(
    "job",
    [
        {"schedule": "* * * *"},
        {"schedule": "0 0 31 2 *"},
        {"schedule": "0 25 * * *"},
        {"time_zone": "Mars/Olympus"},
        {"http_target": {"uri": "ftp://x"}},
        {"attempt_deadline": duration_pb2.Duration(seconds=5)},
        {"retry_config": {"retry_count": 6}},
    ],
)
def test_a_job_that_cannot_run_is_refused(make_job: Make, job: dict[str, Any]) -> None:
    with pytest.raises(exceptions.InvalidArgument):
        make_job(**job)


def test_only_the_operator_manages_jobs(make_job: Make, client_of: Callable[..., Client]) -> None:
    make_job()

    with pytest.raises(exceptions.PermissionDenied, match=r"cloudscheduler\.jobs\.run"):
        client_of("cvg-scheduler").run_job(name=JOB)


def test_a_method_that_is_not_implemented_is_named(admin: Client) -> None:
    with pytest.raises(exceptions.MethodNotImplemented, match="pubsub_target"):
        admin.create_job(request={"parent": LOCATION, "job": {"name": JOB, "pubsub_target": {"topic_name": "t"}}})
