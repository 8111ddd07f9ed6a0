"""The requests that a task's handler gets, and the retries after it fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from google.api_core import exceptions
from google.auth import jwt
from google.cloud import tasks_v2
from google.protobuf import duration_pb2, timestamp_pb2

from devcloud.identity import Identity
from devcloud.tasks import Tasks
from tests.devcloud.tasks.conftest import INVOKER, QUEUE
from tests.support.devcloud.clock import Clock
from tests.support.devcloud.handler import PATIENCE_SECONDS, Handler

Make = Callable[..., Any]


def test_a_task_is_delivered_with_the_service_s_headers(
    make_queue: Make, add_task: Make, handler: Handler, service: Tasks, cloud_identity: Identity
) -> None:
    make_queue()
    add_task(
        "t-1",
        http_request={
            "url": f"{handler.url}/run?a=1",
            "headers": {"Content-Type": "application/json", "X-CloudTasks-TaskName": "forged"},
            "body": b'{"run": 1}',
            "oidc_token": {"service_account_email": INVOKER, "audience": "https://execute-run"},
        },
    )

    received = handler.next_request()

    assert (received.method, received.path, received.body) == ("POST", "/run?a=1", b'{"run": 1}')
    assert received.headers["x-cloudtasks-queuename"] == "kick-dispatcher"
    assert received.headers["x-cloudtasks-taskname"] == "t-1"
    assert received.headers["x-cloudtasks-taskretrycount"] == "0"
    assert received.headers["user-agent"] == "Google-Cloud-Tasks"
    assert received.headers["content-type"] == "application/json"
    token = received.headers["authorization"].removeprefix("Bearer ")
    claims = jwt.decode(token, certs=cloud_identity.certs(), audience="https://execute-run")
    assert (claims["email"], claims["iss"]) == (INVOKER, "https://accounts.google.com")
    assert service.wait_idle(PATIENCE_SECONDS)


def test_a_failed_task_is_retried_with_doubling_backoff(
    make_queue: Make, add_task: Make, handler: Handler, service: Tasks, clock: Clock
) -> None:
    make_queue(retry_config={"min_backoff": duration_pb2.Duration(seconds=10), "max_doublings": 4})
    handler.statuses = [500, 503]
    add_task("t")

    for attempt, backoff in enumerate((10, 20)):
        assert handler.next_request().headers["x-cloudtasks-taskretrycount"] == str(attempt)
        assert service.wait_idle(PATIENCE_SECONDS, due_within_seconds=backoff - 1)
        assert service.pending(due_within_seconds=backoff) == 1
        clock.now += backoff
        service.wake()

    last = handler.next_request()
    assert last.headers["x-cloudtasks-taskexecutioncount"] == "2"
    assert service.wait_idle(PATIENCE_SECONDS)
    assert handler.is_quiet


def test_a_task_is_given_up_after_its_last_attempt(
    make_queue: Make, add_task: Make, handler: Handler, service: Tasks, admin: tasks_v2.CloudTasksClient
) -> None:
    make_queue(retry_config={"max_attempts": 1})
    handler.statuses = [500]
    name = add_task("t").name

    handler.next_request()

    assert service.wait_idle(PATIENCE_SECONDS)
    with pytest.raises(exceptions.NotFound):
        admin.get_task(name=name)


def test_a_redirect_is_a_failure(make_queue: Make, add_task: Make, handler: Handler, service: Tasks) -> None:
    make_queue()
    handler.statuses = [302]
    add_task("t")

    handler.next_request()

    assert service.wait_idle(PATIENCE_SECONDS, due_within_seconds=0)
    assert service.pending() == 1


def test_a_task_is_retried_while_no_handler_listens(
    make_queue: Make, add_task: Make, service: Tasks, admin: tasks_v2.CloudTasksClient
) -> None:
    make_queue()
    name = add_task("t", http_request={"url": "http://127.0.0.1:9/closed"}).name

    assert service.wait_idle(PATIENCE_SECONDS, due_within_seconds=0)

    task = admin.get_task(name=name)
    assert (task.dispatch_count, task.response_count) == (1, 0)
    assert "Refused" in task.last_attempt.response_status.message


@pytest.mark.parametrize("request_", [{"url": "http://127.0.0.1:no/port"}, {"headers": {"X-Broken": "a\nb"}}])
def test_a_request_that_http_cannot_carry_is_a_failure(
    make_queue: Make, add_task: Make, handler: Handler, service: Tasks, request_: dict[str, Any]
) -> None:
    make_queue()
    add_task("t", http_request={"url": handler.url} | request_)

    assert service.wait_idle(PATIENCE_SECONDS, due_within_seconds=0)
    assert service.pending() == 1
    assert handler.is_quiet


def test_a_scheduled_task_waits_for_its_time(
    make_queue: Make, add_task: Make, handler: Handler, service: Tasks, clock: Clock
) -> None:
    make_queue()
    add_task("later", schedule_time=timestamp_pb2.Timestamp(seconds=int(clock.now) + 60))
    add_task("now")
    assert handler.next_request().headers["x-cloudtasks-taskname"] == "now"
    assert service.wait_idle(PATIENCE_SECONDS, due_within_seconds=59)
    assert handler.is_quiet

    clock.now += 60
    service.wake()

    assert handler.next_request().headers["x-cloudtasks-taskname"] == "later"


def test_a_queue_keeps_to_its_limit_of_concurrent_deliveries(
    make_queue: Make, add_task: Make, handler: Handler, service: Tasks
) -> None:
    make_queue(rate_limits={"max_concurrent_dispatches": 2})
    handler.gate.clear()
    for number in range(5):
        add_task(f"t-{number}")
    names = [handler.next_request().headers["x-cloudtasks-taskname"] for _ in range(2)]

    handler.gate.set()

    assert service.wait_idle(PATIENCE_SECONDS)
    names += [handler.next_request().headers["x-cloudtasks-taskname"] for _ in range(3)]
    assert sorted(names) == [f"t-{number}" for number in range(5)]
    assert handler.peak == 2


def test_a_queue_sends_no_faster_than_its_rate(
    make_queue: Make, add_task: Make, handler: Handler, service: Tasks, clock: Clock
) -> None:
    make_queue(rate_limits={"max_dispatches_per_second": 2})  # a burst of ten, then two a second
    for number in range(13):
        add_task(f"t-{number}")
    for _ in range(10):
        handler.next_request()
    assert service.pending() >= 3
    assert handler.is_quiet

    clock.now += 1
    service.wake()

    handler.next_request()
    handler.next_request()
    assert handler.is_quiet


def test_a_second_that_passes_while_a_queue_is_read_counts_once(
    make_queue: Make, add_task: Make, handler: Handler, service: Tasks, clock: Clock
) -> None:
    make_queue(rate_limits={"max_dispatches_per_second": 2})
    for number in range(15):
        add_task(f"t-{number}")
    for _ in range(10):
        handler.next_request()
    assert service.wait_idle(PATIENCE_SECONDS, due_within_seconds=-1)

    clock.leap = 1
    for _ in range(3):
        service.wake()

    handler.next_request()
    handler.next_request()
    assert service.pending() >= 3
    assert handler.is_quiet


def test_an_interrupted_delivery_is_repeated_after_a_restart(
    make_queue: Make, add_task: Make, handler: Handler, service: Tasks, make_service: Callable[[], Tasks]
) -> None:
    make_queue()
    handler.gate.clear()
    add_task("t")
    handler.next_request()

    service.stop()
    handler.gate.set()
    again = make_service()

    assert handler.next_request().headers["x-cloudtasks-taskname"] == "t"
    assert again.wait_idle(PATIENCE_SECONDS)


def test_run_task_ignores_a_paused_queue(
    make_queue: Make, add_task: Make, handler: Handler, service: Tasks, admin: tasks_v2.CloudTasksClient
) -> None:
    make_queue()
    admin.pause_queue(name=QUEUE)
    name = add_task("t").name

    admin.run_task(name=name)

    handler.next_request()
    assert service.wait_idle(PATIENCE_SECONDS)
