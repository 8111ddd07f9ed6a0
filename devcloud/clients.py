"""Makes the official clients for this cloud, with the credentials of one account."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from devcloud.identity.credentials import credentials_of

if TYPE_CHECKING:
    from google.cloud import bigquery

    from shared.adapters.bigquery.warehouse import Warehouse


class Clients:
    """Opens clients and closes them all at the end of the `with`.

    `environment` is the `env` of the ready line, `key` a service-account JSON key.
    """

    def __init__(self, environment: Mapping[str, str], key: Mapping[str, str]) -> None:
        self._environment, self._key, self._opened = environment, key, ExitStack()
        self._credentials = credentials_of(key)

    def __enter__(self) -> Clients:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()

    def bigquery(self) -> bigquery.Client:
        """BigQuery, in the key's own project."""
        from google.cloud import bigquery

        client = bigquery.Client(
            project=self._key["project_id"],
            credentials=self._credentials,
            location=self._environment["BIGQUERY_LOCATION"],
            client_options={"api_endpoint": self._environment["BIGQUERY_ENDPOINT"]},
        )
        self._opened.callback(client.close)
        return client

    def bigquery_storage(self) -> Any:
        """BigQuery's Storage Read API."""
        from google.cloud.bigquery_storage import BigQueryReadClient

        return self._grpc_client(BigQueryReadClient, "BIGQUERY_STORAGE_ENDPOINT")

    def kms(self) -> Any:
        """Cloud KMS."""
        from google.cloud.kms import KeyManagementServiceClient

        return self._grpc_client(KeyManagementServiceClient, "KMS_ENDPOINT")

    def secret_manager(self) -> Any:
        """Secret Manager."""
        from google.cloud.secretmanager import SecretManagerServiceClient

        return self._grpc_client(SecretManagerServiceClient, "SECRET_MANAGER_ENDPOINT")

    def tasks(self) -> Any:
        """Cloud Tasks."""
        from google.cloud.tasks import CloudTasksClient

        return self._grpc_client(CloudTasksClient, "CLOUD_TASKS_ENDPOINT")

    def scheduler(self) -> Any:
        """Cloud Scheduler."""
        from google.cloud.scheduler import CloudSchedulerClient

        return self._grpc_client(CloudSchedulerClient, "CLOUD_SCHEDULER_ENDPOINT")

    def _grpc_client(self, client_class: Any, endpoint: str) -> Any:
        import grpc
        from google.auth.transport.grpc import secure_authorized_channel
        from google.auth.transport.requests import Request

        # gRPC reads GRPC_DEFAULT_SSL_ROOTS_FILE_PATH only once in a process, but a process may use several clouds.
        # So the roots are given here.
        roots = Path(self._environment["GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"]).read_bytes()
        channel = secure_authorized_channel(
            self._credentials,
            Request(),
            self._environment[endpoint],
            ssl_credentials=grpc.ssl_channel_credentials(roots),
        )
        self._opened.callback(channel.close)
        return client_class(transport=client_class.get_transport_class("grpc")(channel=channel))


def warehouse_of(client: bigquery.Client) -> Warehouse:
    """The product's warehouse over a client of this cloud, for callers that run outside its functions."""
    from shared.adapters.bigquery.warehouse import Warehouse
    from shared.configuration.platform_config import get_platform

    datasets = get_platform().datasets
    return Warehouse(
        client=client,
        project=client.project,
        location=client.location,
        central=datasets.central,
        staging=datasets.staging,
        labels={},
        max_bytes_billed=10**12,
    )
