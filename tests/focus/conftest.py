"""Fixtures that run gcp/cost/billing, or its FOCUS statements over rows of a test."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from google.cloud import bigquery

from devcloud.server import Devcloud
from tests.support.executions import Executions
from tests.support.focus.statements import Statements


@pytest.fixture(scope="session")
def executions(cloud: Devcloud, bigquery_client: bigquery.Client) -> Executions:
    """Executions on the cloud, which admit and deliver runs."""
    return Executions(cloud, bigquery_client)


@pytest.fixture(scope="session")
def statements(bigquery_client: bigquery.Client) -> Iterator[Statements]:
    """The template's statements, in a dataset of their own."""
    dataset = f"focus_{uuid.uuid4().hex[:12]}"
    bigquery_client.create_dataset(dataset)
    yield Statements(bigquery_client, dataset)
    bigquery_client.delete_dataset(dataset, delete_contents=True)
