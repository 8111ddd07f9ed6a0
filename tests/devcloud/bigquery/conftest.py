from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from google.api_core.client_options import ClientOptions
from google.cloud import bigquery

from devcloud.bigquery.service import BigQuery
from devcloud.identity import Identity, TokenServer
from devcloud.identity.credentials import credentials_of

PLATFORM = "convergence-test"
ClientOf = Callable[..., bigquery.Client]


@pytest.fixture(scope="session")
def state_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="session")
def identity(state_dir: Path) -> Iterator[Identity]:
    found = Identity(state_dir, PLATFORM)
    server = TokenServer(found)
    server.start()
    yield found
    server.stop()
    found.close()


@pytest.fixture(scope="session")
def service(state_dir: Path, identity: Identity) -> Iterator[BigQuery]:
    found = BigQuery(state_dir, identity)
    found.start()
    yield found
    found.stop()


@pytest.fixture(scope="module")
def client_of(service: BigQuery, identity: Identity) -> Iterator[ClientOf]:
    """A client of an account in its project."""
    made = []

    def client(project: str = PLATFORM, account: str = "cvg-api", location: str | None = "US") -> bigquery.Client:
        key = identity.mint_key(project, account)
        one = bigquery.Client(
            project=project,
            location=location,
            credentials=credentials_of(key),
            client_options=ClientOptions(api_endpoint=service.url),
        )
        made.append(one)
        return one

    yield client
    for one in made:
        one.close()  # type: ignore[no-untyped-call]


@pytest.fixture(scope="module")
def client(client_of: ClientOf) -> bigquery.Client:
    return client_of()


@pytest.fixture
def dataset(client: bigquery.Client, request: pytest.FixtureRequest) -> Iterator[str]:
    name = "d_" + str(abs(hash(request.node.nodeid)))
    client.create_dataset(name)
    yield name
    client.delete_dataset(name, delete_contents=True, not_found_ok=True)
