"""A running Cloud Tasks with its official client, and an endpoint for the tasks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from google.cloud import tasks_v2

from devcloud.tasks import Tasks
from tests.support.devcloud.handler import Handler

LOCATION = "projects/convergence-test/locations/us-central1"
QUEUE = f"{LOCATION}/queues/kick-dispatcher"
INVOKER = "cvg-tasks-invoker@convergence-test.iam.gserviceaccount.com"

ClientOf = Callable[..., tasks_v2.CloudTasksClient]


@pytest.fixture
def service_class() -> type[Tasks]:
    return Tasks


@pytest.fixture
def client_class() -> type[tasks_v2.CloudTasksClient]:
    return tasks_v2.CloudTasksClient


@pytest.fixture
def admin(client_of: ClientOf) -> tasks_v2.CloudTasksClient:
    return client_of("devcloud-admin")


@pytest.fixture
def make_queue(admin: tasks_v2.CloudTasksClient) -> Callable[..., tasks_v2.Queue]:
    def make(name: str = QUEUE, **fields: Any) -> tasks_v2.Queue:
        return admin.create_queue(request={"parent": LOCATION, "queue": {"name": name} | fields})

    return make


@pytest.fixture
def add_task(admin: tasks_v2.CloudTasksClient, handler: Handler) -> Callable[..., tasks_v2.Task]:
    """Creates a task that calls the handler."""

    def add(task_id: str | None = None, *, queue: str = QUEUE, **fields: Any) -> tasks_v2.Task:
        task: dict[str, Any] = {"http_request": {"url": f"{handler.url}/run?a=1", "body": b"{}"}} | fields
        if task_id:
            task["name"] = f"{queue}/tasks/{task_id}"
        return admin.create_task(request={"parent": queue, "task": task})

    return add
