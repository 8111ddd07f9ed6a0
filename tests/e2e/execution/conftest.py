"""Fixtures that execute runs on the running cloud."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from google.cloud import bigquery

from devcloud.environment import function_environment
from devcloud.gateway.function_process import FunctionProcess
from devcloud.server import Devcloud
from shared.configuration.platform_config import CONFIGS
from tests.conftest import MakeTenant
from tests.support.executions import Executions, Json
from tests.support.instance import Instance
from tests.support.tenant import Tenant

StartInstance = Callable[..., Instance]
WithChanges = Callable[[Json], Executions]
SOURCE = Path(__file__).parents[2] / "support" / "changed_execute_run.py"
FOLDER = "CHANGED_TEMPLATES"


@pytest.fixture(scope="session")
def executions(cloud: Devcloud, bigquery_client: bigquery.Client) -> Executions:
    """Admits and delivers runs."""
    return Executions(cloud, bigquery_client)


@pytest.fixture(scope="session")
def environment(cloud: Devcloud, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The services of execute_run."""
    key_file = tmp_path_factory.mktemp("worker") / "worker.json"
    key_file.write_text(json.dumps(cloud.identity.mint_key(cloud.project, "cvg-worker")))
    return function_environment(cloud.cloud, "execute_run", key_file=key_file)


@pytest.fixture(scope="session")
def make_reader(make_tenant: MakeTenant) -> MakeTenant:
    """Onboards another tenant, with the export that all tenants of this fixture share."""
    owner = make_tenant()

    def make(**limits: int) -> Tenant:
        reader = make_tenant(**limits)
        reader.share(owner)
        return reader

    return make


@pytest.fixture
def reader(make_reader: MakeTenant) -> Tenant:
    """A fresh tenant for a test that does not change the export."""
    return make_reader()


@pytest.fixture
def start_instance(environment: dict[str, str], tmp_path: Path) -> Iterator[StartInstance]:
    """Starts instances with their own settings, and ends them after the test."""
    with _instances(environment, tmp_path, None) as start:
        yield start


@pytest.fixture
def start_extracting(environment: dict[str, str], tmp_path: Path) -> Iterator[StartInstance]:
    """Starts instances to which `extracting` may deliver, and ends them after the test."""
    with _instances(environment | {FOLDER: str(tmp_path)}, tmp_path, SOURCE) as start:
        yield start


@contextmanager
def _instances(environment: dict[str, str], folder: Path, source: Path | None) -> Iterator[StartInstance]:
    with ExitStack() as started:

        def start(**settings: str) -> Instance:
            own, log_path = environment | settings, folder / f"execute_run_{uuid.uuid4().hex}.log"
            instance = Instance(FunctionProcess("execute_run", lambda: own, log_path=log_path, source=source))
            started.callback(instance.stop)
            return instance

        yield start


@pytest.fixture(scope="session")
def with_changes(
    executions: Executions, environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WithChanges]:
    """Makes executions by an instance that changes templates as its argument says."""
    folder = tmp_path_factory.mktemp("changed")
    settings = environment | {FOLDER: str(folder)}
    process = FunctionProcess("execute_run", lambda: settings, log_path=folder / "execute_run.log", source=SOURCE)
    instance = Instance(process)
    yield lambda changes: replace(executions, url=instance.url, changes=changes)
    instance.stop()


@pytest.fixture(scope="session")
def extracting(with_changes: WithChanges) -> Executions:
    """Runs gcp/cost/billing without FOCUS's rows, which would take as long again, and without three warnings."""
    billing = yaml.safe_load((CONFIGS / "gcp/cost/billing.yml").read_text())
    step_of = {"steps": "id", "checks": "step", "publish": "step"}
    kept = {part: [item for item in billing[part] if item[step] == "extract"] for part, step in step_of.items()}
    kept["checks"] = [
        check for check in kept["checks"] if check["id"] not in ("cost_types", "null_rates", "unread_values")
    ]
    return with_changes(kept)
