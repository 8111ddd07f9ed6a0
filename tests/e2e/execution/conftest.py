"""Executions against the running cloud."""

from __future__ import annotations

import pytest
from google.cloud import bigquery

from devcloud.server import Devcloud
from tests.executions import Executions


@pytest.fixture(scope="session")
def executions(cloud: Devcloud, bigquery_client: bigquery.Client) -> Executions:
    """Admits and delivers runs."""
    return Executions(cloud, bigquery_client)
