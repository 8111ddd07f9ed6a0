"""One identity, one certificate authority and the platform's grants for all tests of devcloud's gRPC services."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from devcloud.grants import Grants
from devcloud.identity import Identity
from devcloud.identity.credentials import credentials_of as google_credentials
from devcloud.tls import Tls
from shared.configuration.platform_config import get_platform
from tests.support.devcloud.clock import Clock

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
