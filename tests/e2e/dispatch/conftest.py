"""A cloud of its own for the dispatcher: it owns the whole queue, so other tests' runs would be in the way."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from devcloud.server import Devcloud
from tests.dispatching import Dispatching


@pytest.fixture(scope="session")
def still_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dispatching]:
    with Devcloud(tmp_path_factory.mktemp("devcloud"), schedules=False) as cloud, cloud.clients() as clients:
        yield Dispatching(cloud, clients.bigquery(), clients.tasks())


@pytest.fixture
def dispatching(still_cloud: Dispatching) -> Dispatching:
    """The dispatcher before an empty queue."""
    still_cloud.stand_still()
    return still_cloud


@pytest.fixture
def tenant_id(dispatching: Dispatching) -> str:
    """A tenant with a daily limit of 10 and a concurrent limit of 2."""
    return dispatching.onboard()
