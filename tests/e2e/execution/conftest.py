"""Executions against the running cloud."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from google.cloud import bigquery

from devcloud.environment import function_environment
from devcloud.gateway.function_process import FunctionProcess
from devcloud.server import Devcloud
from shared.configuration.platform_config import CONFIGS
from tests.support.executions import Executions, Json
from tests.support.instance import Instance

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
    """What execute_run gets."""
    key_file = tmp_path_factory.mktemp("worker") / "worker.json"
    key_file.write_text(json.dumps(cloud.identity.mint_key(cloud.project, "cvg-worker")))
    return function_environment(cloud.cloud, "execute_run", key_file=key_file)


@pytest.fixture
def start_instance(environment: dict[str, str], tmp_path: Path) -> Iterator[StartInstance]:
    """Starts instances with settings of their own; they end with the test."""
    started: list[Instance] = []

    def start(**settings: str) -> Instance:
        log_path = tmp_path / f"execute_run_{len(started)}.log"
        started.append(Instance(FunctionProcess("execute_run", lambda: environment | settings, log_path=log_path)))
        return started[-1]

    yield start
    for instance in started:
        instance.stop()


@pytest.fixture(scope="session")
def with_changes(
    executions: Executions, environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WithChanges]:
    """Executions by an instance that changes templates; takes what to change."""
    folder = tmp_path_factory.mktemp("changed")
    settings = environment | {FOLDER: str(folder)}
    process = FunctionProcess("execute_run", lambda: settings, log_path=folder / "execute_run.log", source=SOURCE)
    instance = Instance(process)
    yield lambda changes: replace(executions, url=instance.url, changes=changes)
    instance.stop()


@pytest.fixture(scope="session")
def extracting(with_changes: WithChanges) -> Executions:
    """Runs of gcp/cost/billing that publish the export's rows and leave FOCUS's out, which take as long again."""
    billing = yaml.safe_load((CONFIGS / "gcp/cost/billing.yml").read_text())
    told_by = {"steps": "id", "checks": "step", "publish": "step"}
    return with_changes(
        {part: [item for item in billing[part] if item[step] == "extract"] for part, step in told_by.items()}
    )
