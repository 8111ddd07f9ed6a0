"""A running Cloud Scheduler with its official client, and an endpoint for the jobs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from google.cloud import scheduler_v1

from devcloud.scheduler import Scheduler
from tests.support.devcloud.handler import Handler

LOCATION = "projects/convergence-test/locations/us-central1"
JOB = f"{LOCATION}/jobs/process-queue"
INVOKER = "cvg-scheduler-invoker@convergence-test.iam.gserviceaccount.com"

Client = scheduler_v1.CloudSchedulerClient


@pytest.fixture
def service_class() -> type[Scheduler]:
    return Scheduler


@pytest.fixture
def client_class() -> type[Client]:
    return Client


@pytest.fixture
def admin(client_of: Callable[..., Client]) -> Client:
    return client_of("devcloud-admin")


@pytest.fixture
def make_job(admin: Client, handler: Handler) -> Callable[..., scheduler_v1.Job]:
    """Creates a job that calls the handler every five minutes."""

    def make(**fields: Any) -> scheduler_v1.Job:
        target = {
            "uri": f"{handler.url}/run",
            "oidc_token": {"service_account_email": INVOKER, "audience": "https://f"},
        }
        job = {"name": JOB, "schedule": "*/5 * * * *", "http_target": target}
        return admin.create_job(request={"parent": LOCATION, "job": job | fields})

    return make
