"""Every service of the local Google Cloud refuses callers without a token, with an invalid one, or with a tenant's."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import grpc
import pytest
import requests
from google.api_core import exceptions
from google.cloud.bigquery_storage import BigQueryReadClient
from google.cloud.bigquery_storage_v1 import types

from devcloud.identity import Identity
from devcloud.server import Devcloud
from tests.support.tenant import Tenant

# A method of each gRPC service and the endpoint that the environment names for it.
METHODS = {
    "KMS_ENDPOINT": "/google.cloud.kms.v1.KeyManagementService/ListKeyRings",
    "SECRET_MANAGER_ENDPOINT": "/google.cloud.secretmanager.v1.SecretManagerService/ListSecrets",
    "CLOUD_TASKS_ENDPOINT": "/google.cloud.tasks.v2.CloudTasks/ListQueues",
    "CLOUD_SCHEDULER_ENDPOINT": "/google.cloud.scheduler.v1.CloudScheduler/ListJobs",
    "BIGQUERY_STORAGE_ENDPOINT": "/google.cloud.bigquery.storage.v1.BigQueryRead/CreateReadSession",
}
Call = Callable[[str, str | None], str]

pytestmark = pytest.mark.phase3


@pytest.fixture(scope="module")
def status_of(cloud: Devcloud) -> Call:
    """The status of a call with this Authorization. The request may be empty, because the caller is checked first."""
    environment = cloud.ready["env"]
    roots = grpc.ssl_channel_credentials(Path(environment["GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"]).read_bytes())

    def call(endpoint: str, authorization: str | None) -> str:
        metadata = (("authorization", authorization),) if authorization else ()
        with closing(grpc.secure_channel(environment[endpoint], roots)) as channel:
            with pytest.raises(grpc.RpcError) as caught:
                channel.unary_unary(METHODS[endpoint], bytes, bytes)(b"", metadata=metadata, timeout=10)
            return str(caught.value.code().name)

    return call


def bogus(cloud: Devcloud, folder: Path) -> list[str | None]:
    elsewhere = Identity(folder, cloud.project)
    try:
        foreign = elsewhere.access_token(f"devcloud-admin@{cloud.project}.iam.gserviceaccount.com")
    finally:
        elsewhere.close()
    return [None, "Bearer nonsense", "Bearer a.b.c", "Basic YTpi", f"Bearer {foreign}"]


@pytest.mark.parametrize("endpoint", METHODS)
def test_a_missing_or_bogus_token_is_refused(cloud: Devcloud, status_of: Call, tmp_path: Path, endpoint: str) -> None:
    assert [status_of(endpoint, token) for token in bogus(cloud, tmp_path)] == ["UNAUTHENTICATED"] * 5


def test_bigquery_refuses_a_missing_or_bogus_token(cloud: Devcloud, tmp_path: Path) -> None:
    url = f"{cloud.ready['bigquery']}/bigquery/v2/projects/{cloud.project}/datasets"
    headers = [{"Authorization": token} if token else {} for token in bogus(cloud, tmp_path)]
    assert [requests.get(url, headers=each, timeout=10).status_code for each in headers] == [401] * 5


def test_a_tenants_key_may_use_nothing_of_the_platform(cloud: Devcloud, tenant: Tenant) -> None:
    parent = f"projects/{cloud.project}/locations/{cloud.region}"
    table = f"projects/{cloud.project}/datasets/tenants/tables/tenant_api_keys"

    def read(client: BigQueryReadClient) -> Any:
        asked = types.ReadSession(table=table, data_format=types.DataFormat.ARROW)
        return client.create_read_session(parent=f"projects/{tenant.project}", read_session=asked)

    with cloud.clients(tenant.gcp_key) as clients:
        calls: list[Callable[[], Any]] = [
            lambda: list(clients.kms().list_key_rings(parent=parent)),
            lambda: list(clients.secret_manager().list_secrets(parent=f"projects/{cloud.project}")),
            lambda: list(clients.tasks().list_queues(parent=parent)),
            lambda: list(clients.scheduler().list_jobs(parent=parent)),
            lambda: read(clients.bigquery_storage()),
        ]
        for call in calls:
            with pytest.raises(exceptions.PermissionDenied):
                call()
