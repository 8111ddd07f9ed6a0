"""Fixtures for tests of the whole platform: a running cloud, tenants in it, and clients."""

from __future__ import annotations

import gc
import os
import shutil
import sys
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from devcloud.loopback import reach_loopback_directly

if TYPE_CHECKING:  # a run of unit tests alone loads neither the cloud nor its clients
    from google.cloud import bigquery

    from devcloud.identity import Identity
    from devcloud.server import Devcloud
    from tests.support.dispatching import Dispatching
    from tests.support.frontend import Frontend
    from tests.support.tenant import Api, Tenant

Json = dict[str, Any]
MakeTenant = Callable[..., "Tenant"]
MakeFrontend = Callable[..., "Frontend"]
OpenIdentity = Callable[..., "Identity"]
JobsOf = Callable[[str], list[Json]]
ENOUGH_BYTES = 4 * 1024**3


def pytest_configure() -> None:
    """Settings for every test: the result counts on any machine, not the time."""
    from hypothesis import HealthCheck, Phase, settings

    # The phase `explain` traces every line, which is far too slow.
    phases = [phase for phase in Phase if phase is not Phase.explain]
    any_speed = [HealthCheck.too_slow]
    settings.register_profile("any machine", deadline=None, suppress_health_check=any_speed, phases=phases)
    settings.load_profile("any machine")
    use_memory_for_files()
    # A developer's settings of proxies and colours must not affect the tests.
    reach_loopback_directly()
    for variable in ("FORCE_COLOR", "NO_COLOR", "PYTHON_COLORS"):
        os.environ.pop(variable, None)
    # Hundreds of processes start in a run of all tests, and each would compile everything again.
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def use_memory_for_files() -> None:
    """Put temporary folders into memory if there is enough, because a cloud waits for the disk at each commit."""
    memory = Path("/dev/shm")  # noqa: S108 - pytest makes a folder of its own in it
    if memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > ENOUGH_BYTES:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(memory))


def pytest_collection_finish() -> None:
    """Objects that exist now stay until the end, so garbage collection can ignore them."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)  # a cloud makes many short-lived objects, few of them in reference cycles


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Order files: the slowest first, unit tests last, so no worker is left alone with a slow file."""
    if config.getoption("random_order_enabled"):
        return
    longest, counts = defaultdict[Path, float](float), Counter(item.path for item in items)
    for item in items:
        if limit := item.get_closest_marker("timeout"):
            longest[item.path] = max(longest[item.path], limit.args[0])
    items.sort(key=lambda item: (-longest[item.path], _place(item.path), -counts[item.path], item.path))


def _place(file: Path) -> int:
    """The place of a file in the order, by how slow its tests are."""
    room, *_ = file.relative_to(Path(__file__).parent).parts
    return {"unit": 2}.get(room, 0 if room == "e2e" or room.endswith(".py") else 1)


@pytest.fixture
def open_identity() -> Iterator[OpenIdentity]:
    """Opens the identities of a cloud that is not running, and closes them after the test."""
    from devcloud.identity import Identity

    with ExitStack() as opened:
        yield lambda *given, **named: opened.enter_context(closing(Identity(*given, **named)))


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Devcloud]:
    """A local Google Cloud for this worker's tests. Its schedules are paused; no function runs until it is called.

    Kicks are accepted and not delivered: accepted runs stay in the queue, and no test runs the items that another
    test left there. Nor are tenants' rules evaluated, unless a test does it.
    """
    from devcloud.server import Devcloud

    # A test's reads of runs see its own earlier writes. Costs are kept, however slow the machine is.
    # The console's pages prove the key and ask for the figures each time, so that a test sees what it changed before.
    always_anew = {"LOOK_SECONDS": "0", "KEY_SECONDS": "0"}
    own = {
        "console": always_anew | {"PROXIES_IN_FRONT": "1"},  # a test can come from an address of its own
        "pipeline_runs": {"LOOK_SECONDS": "0"},
        "costs": {"LOOK_SECONDS": "3600", "KEY_SECONDS": "3600"},
    }
    started = Devcloud(tmp_path_factory.mktemp("devcloud"), schedules=False, function_env=own)
    with started as running, running.clients() as clients:
        for queue in ("kick", "evaluate"):
            clients.tasks().pause_queue(name=running.cloud.queue(queue))
        yield running


@pytest.fixture(scope="session")
def bigquery_client(cloud: Devcloud) -> Iterator[bigquery.Client]:
    """BigQuery as the operator."""
    with cloud.clients() as clients:
        yield clients.bigquery()


@pytest.fixture(scope="session")
def make_tenant(cloud: Devcloud, bigquery_client: bigquery.Client) -> MakeTenant:
    """Onboards another tenant; takes the limits that `onboard` takes."""

    from devcloud.onboarding import onboard
    from tests.support.tenant import Tenant

    def make(**limits: int) -> Tenant:
        number = uuid.uuid4().hex[:12]
        onboarded = onboard(bigquery_client, f"tenant_{number}", **limits)
        return Tenant(cloud, onboarded.tenant_id, onboarded.api_key, project=f"gcp-{number}")

    return make


@pytest.fixture
def tenant(make_tenant: MakeTenant) -> Tenant:
    """A new tenant with a project, a key and, when it is first used, an export."""
    return make_tenant()


@pytest.fixture
def api(cloud: Devcloud, tenant: Tenant) -> Iterator[Api]:
    """The tenant's frontend."""
    from tests.support.tenant import Api

    frontend = Api(cloud.ready["gateway"], tenant.api_key)
    yield frontend
    frontend.session.close()


@pytest.fixture
def jobs_of(cloud: Devcloud) -> JobsOf:
    """The BigQuery jobs that one request, known by its X-Request-ID, has caused."""

    def find(request_id: str) -> list[Json]:
        return [job for job in cloud.bigquery.jobs() if job["labels"].get("request_id") == request_id]

    return find


@pytest.fixture(scope="session")
def make_frontend(make_tenant: MakeTenant, bigquery_client: bigquery.Client) -> MakeFrontend:
    """The frontend of another new tenant; takes the limits that `onboard` takes."""

    from tests.support.frontend import Frontend

    def make(**limits: int) -> Frontend:
        return Frontend(make_tenant(**limits), bigquery_client)

    return make


@pytest.fixture(scope="session")
def make_connected(make_frontend: MakeFrontend) -> MakeFrontend:
    """The frontend of another new tenant whose credentials are stored; takes the limits that `onboard` takes."""

    def make(**limits: int) -> Frontend:
        frontend = make_frontend(**limits)
        frontend.store_keyless()
        return frontend

    return make


@pytest.fixture
def frontend(make_frontend: MakeFrontend) -> Frontend:
    """The frontend of a tenant that has no credentials yet."""
    return make_frontend()


@pytest.fixture
def connected(frontend: Frontend) -> Frontend:
    """The frontend of a tenant whose credentials are stored."""
    frontend.store_keyless()
    return frontend


@pytest.fixture(scope="session")
def shared_frontend(make_connected: MakeFrontend) -> Iterator[Frontend]:
    """A connected frontend that tests share. They may only read, or send requests that are refused."""
    frontend = make_connected()
    yield frontend
    written = ("pipeline_execution_queue", "pipeline_run_events", "tenant_pipeline_configs")
    assert [row for table in written for row in frontend.central(table)] == []
    assert frontend.logged_actions() == ["CREDENTIAL_ADDED"]


@pytest.fixture
def live_dispatcher(cloud: Devcloud, bigquery_client: bigquery.Client) -> Iterator[Dispatching]:
    """Delivers kicks to the dispatcher, whose queue has only the test's own runs."""
    from tests.support.dispatching import Dispatching

    with cloud.clients() as clients:
        dispatching = Dispatching(cloud, bigquery_client, clients.tasks())
        dispatching.stand_still()
        dispatching.move_on("execute", "kick")
        yield dispatching
        dispatching.hold("kick")


@pytest.fixture(scope="session")
def still_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dispatching]:
    """A cloud of its own for the scheduler: it owns the whole queue, so other tests' runs would be in the way."""
    from devcloud.server import Devcloud
    from tests.support.dispatching import Dispatching

    own = {"pipeline_runs": {"LOOK_SECONDS": "0"}}
    started = Devcloud(tmp_path_factory.mktemp("still"), schedules=False, function_env=own)
    with started as cloud, cloud.clients() as clients:
        clients.tasks().pause_queue(name=cloud.cloud.queue("evaluate"))
        yield Dispatching(cloud, clients.bigquery(), clients.tasks())


@pytest.fixture
def dispatching(still_cloud: Dispatching) -> Dispatching:
    """The scheduler's functions with an empty queue and no schedules; both Cloud Tasks queues are paused."""
    still_cloud.stand_still()
    return still_cloud
