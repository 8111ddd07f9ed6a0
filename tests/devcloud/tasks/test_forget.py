"""Paused queues forget their tasks and names, so that one test does not disturb the next."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from google.cloud import tasks_v2

from devcloud.tasks import Tasks
from tests.devcloud.tasks.conftest import LOCATION, QUEUE
from tests.support.devcloud.handler import PATIENCE_SECONDS, Handler

Make = Callable[..., Any]
Client = tasks_v2.CloudTasksClient
OTHER = f"{LOCATION}/queues/kick-dispatcher-2"  # one name is the beginning of the other


def test_tasks_and_names_are_forgotten_and_those_of_other_queues_are_not(
    make_queue: Make, add_task: Make, admin: Client, handler: Handler, service: Tasks
) -> None:
    make_queue(OTHER)
    make_queue()
    add_task("done")
    handler.next_request()
    assert service.wait_idle(PATIENCE_SECONDS)
    for queue in (QUEUE, OTHER):
        admin.pause_queue(name=queue)
        add_task("waiting", queue=queue)

    assert service.forget(QUEUE, timeout_seconds=PATIENCE_SECONDS)

    assert list(admin.list_tasks(parent=QUEUE)) == []
    assert len(list(admin.list_tasks(parent=OTHER))) == 1
    names = [add_task(task_id).name for task_id in ("done", "waiting")]
    assert [task.name for task in admin.list_tasks(parent=QUEUE)] == names


def test_forgetting_waits_for_a_task_that_is_being_delivered(
    make_queue: Make, add_task: Make, handler: Handler, service: Tasks
) -> None:
    make_queue()
    handler.gate.clear()
    handler.statuses = [500]  # otherwise it would be tried again
    add_task("slow")
    handler.next_request()
    assert not service.forget(QUEUE, timeout_seconds=0)

    threading.Timer(0.05, handler.gate.set).start()

    assert service.forget(QUEUE, timeout_seconds=PATIENCE_SECONDS)
    assert service.pending() == 0
