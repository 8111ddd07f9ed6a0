"""A running Cloud Scheduler with its official client, and an endpoint for the jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from google.cloud import scheduler_v1

from devcloud.grants import Grants
from devcloud.identity import Identity
from devcloud.scheduler import Scheduler
from devcloud.tls import Tls
from tests.support.devcloud.clock import Clock
from tests.support.devcloud.handler import Handler

LOCATION = "projects/convergence-test/locations/us-central1"
JOB = f"{LOCATION}/jobs/process-queue"
INVOKER = "cvg-scheduler-invoker@convergence-test.iam.gserviceaccount.com"

Client = scheduler_v1.CloudSchedulerClient


@pytest.fixture
def handler() -> Iterator[Handler]:
    handler = Handler()
    handler.start()
    yield handler
    handler.stop()


@pytest.fixture
def make_service(
    cloud_identity: Identity, cloud_tls: Tls, cloud_grants: Grants, clock: Clock, state_dir: Path
) -> Iterator[Callable[[], Scheduler]]:
    started: list[Scheduler] = []

    def make() -> Scheduler:
        service = Scheduler(state_dir, cloud_identity, cloud_tls, cloud_grants, now=clock)
        service.start()
        started.append(service)
        return service

    yield make
    for service in started:
        service.stop()


@pytest.fixture
def service(make_service: Callable[[], Scheduler]) -> Scheduler:
    return make_service()


@pytest.fixture
def client_of(service: Scheduler, credentials_of: Callable[..., Any]) -> Callable[..., Client]:
    def client(account: str) -> Client:
        return Client(credentials=credentials_of(account), client_options={"api_endpoint": service.address})

    return client


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
