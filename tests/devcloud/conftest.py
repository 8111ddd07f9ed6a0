"""What all tests of devcloud's gRPC services share: an identity, certificates, grants, the service and its clients.

Each folder says with `service_class` and `client_class` which service it tests, and by which official client.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from devcloud.grants import Grants
from devcloud.identity import Identity
from devcloud.identity.credentials import credentials_of as google_credentials
from devcloud.tls import Tls
from shared.configuration.platform_config import get_platform
from tests.support.devcloud.clock import Clock
from tests.support.devcloud.handler import Handler

if TYPE_CHECKING:
    from devcloud.grpc_service import StoredService

PROJECT = "convergence-test"


@pytest.fixture(scope="session")
def cloud_identity_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("identity")


@pytest.fixture(scope="session")
def cloud_identity(cloud_identity_dir: Path) -> Iterator[Identity]:
    identity = Identity(cloud_identity_dir, PROJECT)
    identity.token_uri = "http://127.0.0.1:1/token"  # gRPC clients never call it
    yield identity
    identity.close()


@pytest.fixture(scope="session")
def cloud_tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    tls = Tls(tmp_path_factory.mktemp("tls"))
    os.environ["GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"] = str(tls.ca_path)  # gRPC reads it once in a process's life
    return tls


@pytest.fixture(scope="session")
def cloud_grants() -> Grants:
    return Grants.of_platform(get_platform(), PROJECT)


@pytest.fixture(scope="session")
def credentials_of(cloud_identity: Identity) -> Callable[..., Any]:
    """Credentials of an account, from a minted key; its project is the platform's unless another is named."""

    @cache
    def credentials(account: str, project: str = PROJECT) -> Any:
        return google_credentials(cloud_identity.mint_key(project, account), self_signed=True)

    return credentials


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def handler() -> Iterator[Handler]:
    """An endpoint that tasks or jobs call."""
    handler = Handler()
    handler.start()
    yield handler
    handler.stop()


@pytest.fixture
def make_service(
    service_class: type[StoredService],
    cloud_identity: Identity,
    cloud_tls: Tls,
    cloud_grants: Grants,
    clock: Clock,
    state_dir: Path,
) -> Iterator[Callable[[], Any]]:
    """Starts the service over the state of the test, and stops it after the test."""
    started: list[StoredService] = []

    def make() -> StoredService:
        service = service_class(state_dir, cloud_identity, cloud_tls, cloud_grants, now=clock)
        service.start()
        started.append(service)
        return service

    yield make
    for service in started:
        service.stop()


@pytest.fixture
def service(make_service: Callable[[], Any]) -> Any:
    """The running service."""
    return make_service()


@pytest.fixture
def client_of(service: StoredService, client_class: Any, credentials_of: Callable[..., Any]) -> Callable[..., Any]:
    """The service's official client, as an account of a project."""

    def client(account: str, project: str = PROJECT) -> Any:
        return client_class(
            credentials=credentials_of(account, project), client_options={"api_endpoint": service.address}
        )

    return client
