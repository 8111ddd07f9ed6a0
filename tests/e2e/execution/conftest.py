"""Executions against the running cloud."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from google.cloud import bigquery

from devcloud.environment import function_environment
from devcloud.gateway.function_process import FunctionProcess
from devcloud.server import Devcloud
from tests.support.executions import Executions, Instance

StartInstance = Callable[..., Instance]


@pytest.fixture(scope="session")
def executions(cloud: Devcloud, bigquery_client: bigquery.Client) -> Executions:
    """Admits and delivers runs."""
    return Executions(cloud, bigquery_client)


@pytest.fixture
def environment(cloud: Devcloud, tmp_path: Path) -> dict[str, str]:
    """What execute_run gets."""
    key_file = tmp_path / "worker.json"
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
