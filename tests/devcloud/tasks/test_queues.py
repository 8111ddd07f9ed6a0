"""Queues and tasks as the official client manages them: names, states, limits and rights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import tasks_v2
from google.protobuf import duration_pb2, timestamp_pb2

from devcloud.tasks import Tasks
from tests.devcloud.tasks.conftest import INVOKER, LOCATION, QUEUE, ClientOf
from tests.support.devcloud.clock import Clock
from tests.support.devcloud.handler import PATIENCE_SECONDS, Handler

Make = Callable[..., Any]
Client = tasks_v2.CloudTasksClient


def test_a_new_queue_gets_the_service_s_defaults(make_queue: Make) -> None:
    queue = make_queue()

    assert queue.state.name == "RUNNING"
    assert (queue.rate_limits.max_dispatches_per_second, queue.rate_limits.max_concurrent_dispatches) == (500, 1000)
    assert (queue.retry_config.max_attempts, queue.retry_config.max_doublings) == (100, 16)
    assert queue.retry_config.max_backoff.total_seconds() == 3600


def test_an_update_changes_only_the_fields_in_its_mask(make_queue: Make, admin: Client) -> None:
    make_queue(rate_limits={"max_concurrent_dispatches": 3})
    limits = {"max_dispatches_per_second": 7, "max_concurrent_dispatches": 9}

    queue = admin.update_queue(
        request={
            "queue": {"name": QUEUE, "rate_limits": limits},
            "update_mask": {"paths": ["rate_limits.max_dispatches_per_second"]},
        }
    )

    assert (queue.rate_limits.max_dispatches_per_second, queue.rate_limits.max_concurrent_dispatches) == (7, 3)
    assert admin.get_queue(name=QUEUE) == queue


def test_a_paused_queue_sends_nothing_until_it_is_resumed(
    make_queue: Make, add_task: Make, admin: Client, handler: Handler, service: Tasks
) -> None:
    make_queue()
    make_queue(f"{LOCATION}/queues/running")
    assert admin.pause_queue(name=QUEUE).state.name == "PAUSED"
    add_task("held")
    add_task("sent", queue=f"{LOCATION}/queues/running")
    assert handler.next_request().headers["x-cloudtasks-taskname"] == "sent"
    assert handler.is_quiet
    assert service.pending() >= 1

    admin.resume_queue(name=QUEUE)

    assert handler.next_request().headers["x-cloudtasks-taskname"] == "held"


def test_purging_and_deleting_tasks(make_queue: Make, add_task: Make, admin: Client, service: Tasks) -> None:
    make_queue()
    admin.pause_queue(name=QUEUE)
    names = [add_task(f"t-{number}").name for number in range(3)]
    assert [task.name for task in admin.list_tasks(request={"parent": QUEUE, "page_size": 2})] == names

    admin.delete_task(name=names[0])
    assert service.pending() == 2
    admin.purge_queue(name=QUEUE)

    assert service.pending() == 0
    with pytest.raises(exceptions.NotFound):
        admin.get_task(name=names[1])


def test_the_body_is_shown_in_the_full_view_only(make_queue: Make, add_task: Make, admin: Client) -> None:
    make_queue()
    admin.pause_queue(name=QUEUE)
    name = add_task("t").name

    assert admin.get_task(name=name).http_request.body == b""
    assert admin.get_task(request={"name": name, "response_view": "FULL"}).http_request.body == b"{}"


def test_a_task_name_stays_in_use_for_a_day(
    make_queue: Make, add_task: Make, handler: Handler, service: Tasks, clock: Clock
) -> None:
    make_queue()
    add_task("once")
    handler.next_request()
    assert service.wait_idle(PATIENCE_SECONDS)

    with pytest.raises(exceptions.AlreadyExists, match="existed too recently"):
        add_task("once")

    clock.now += 24 * 3600
    add_task("once")
    handler.next_request()


def test_the_name_of_an_existing_task_cannot_be_used(make_queue: Make, add_task: Make, admin: Client) -> None:
    make_queue()
    admin.pause_queue(name=QUEUE)
    add_task("t")

    with pytest.raises(exceptions.AlreadyExists):
        add_task("t")


def test_a_deleted_queue_is_not_found_and_its_name_cannot_be_used(
    make_queue: Make, add_task: Make, admin: Client
) -> None:
    make_queue()
    admin.delete_queue(name=QUEUE)

    with pytest.raises(exceptions.NotFound):
        add_task("t")
    with pytest.raises(exceptions.AlreadyExists, match="too recently"):
        make_queue()
    assert list(admin.list_queues(parent=LOCATION)) == []


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ({"http_request": {"url": "ftp://x"}}, "must begin with http"),
        ({"http_request": {"url": "http://x", "http_method": "GET", "body": b"x"}}, "only allowed for"),
        ({"dispatch_deadline": duration_pb2.Duration(seconds=5)}, "dispatchDeadline"),
        ({"schedule_time": timestamp_pb2.Timestamp(seconds=1_800_000_000 + 31 * 86_400)}, "too far"),
        ({"name": f"{QUEUE}/tasks/no blanks"}, "name is invalid"),
        ({"name": f"{LOCATION}/queues/other/tasks/t"}, "name is invalid"),
    ],
)
def test_a_task_that_cannot_be_sent_is_refused(
    make_queue: Make, add_task: Make, task: dict[str, Any], message: str
) -> None:
    make_queue()

    with pytest.raises(exceptions.InvalidArgument, match=message):
        add_task(**task)


def test_an_account_creates_tasks_on_its_queues_only(make_queue: Make, client_of: ClientOf, handler: Handler) -> None:
    make_queue()
    make_queue(f"{LOCATION}/queues/execute-runs")
    api, task = client_of("cvg-api"), {"http_request": {"url": handler.url}}

    api.create_task(request={"parent": QUEUE, "task": task})

    with pytest.raises(exceptions.PermissionDenied, match=r'lacks IAM permission "cloudtasks.tasks.create" for the'):
        api.create_task(request={"parent": f"{LOCATION}/queues/execute-runs", "task": task})
    with pytest.raises(exceptions.PermissionDenied):
        api.pause_queue(name=QUEUE)
    with pytest.raises(exceptions.PermissionDenied):
        client_of("cvg-credentials").create_task(request={"parent": QUEUE, "task": task})


def test_an_account_may_only_act_as_the_tasks_invoker(make_queue: Make, client_of: ClientOf, handler: Handler) -> None:
    make_queue()
    api = client_of("cvg-api")

    def create_as(email: str) -> None:
        request = {"url": handler.url, "oidc_token": {"service_account_email": email}}
        api.create_task(request={"parent": QUEUE, "task": {"http_request": request}})

    create_as(INVOKER)
    with pytest.raises(exceptions.PermissionDenied, match="actAs"):
        create_as("cvg-scheduler-invoker@convergence-test.iam.gserviceaccount.com")


def test_a_method_that_is_not_implemented_is_named(make_queue: Make, admin: Client, add_task: Make) -> None:
    make_queue()

    with pytest.raises(exceptions.MethodNotImplemented, match="app_engine_http_request"):
        admin.create_task(request={"parent": QUEUE, "task": {"app_engine_http_request": {"relative_uri": "/"}}})
    with pytest.raises(exceptions.MethodNotImplemented, match="GetIamPolicy"):
        admin.get_iam_policy(request={"resource": QUEUE})
