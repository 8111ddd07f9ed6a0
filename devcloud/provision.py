"""Creates the resources that Terraform and deploy.sh would create, by the official clients. It may be repeated."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from google.api_core.exceptions import AlreadyExists, NotFound

from devcloud.clients import Clients, warehouse_of
from devcloud.cloud import Cloud
from devcloud.gateway.routes import first_path
from devcloud.state import StateError
from shared.configuration.platform_config import Queue

if TYPE_CHECKING:
    from google.cloud import bigquery
    from google.cloud.kms import KeyManagementServiceClient
    from google.cloud.scheduler import CloudSchedulerClient
    from google.cloud.secretmanager import SecretManagerServiceClient
    from google.cloud.tasks import CloudTasksClient

_DAY_MS = 86_400_000


@dataclass(frozen=True)
class Provisioner:
    """Makes the platform in an empty cloud, or its missing parts.

    `outgrown` gets the tenants' tables of earlier versions that cannot be changed in place, each with the reason.
    """

    cloud: Cloud
    clients: Clients
    outgrown: dict[str, str] = field(default_factory=dict)

    def provision(self, *, schedules: bool) -> str:
        """Make everything in configs/; returns the admin key. Without `schedules` the scheduler's jobs are paused."""
        with ThreadPoolExecutor(thread_name_prefix="provision") as pool:
            others: list[Future[Any]] = [
                pool.submit(self._key),
                pool.submit(self._queues),
                pool.submit(self._jobs, schedules),
                pool.submit(self._secret, "console_key"),
            ]
            admin_key = pool.submit(self._secret, "admin_key")
            self._datasets()
            for made in others:
                made.result()
            return admin_key.result()

    def _datasets(self) -> None:
        from google.cloud import bigquery

        names, client = self.cloud.platform.datasets, self.clients.bigquery()
        central = bigquery.Dataset(f"{self.cloud.project}.{names.central}")
        staging = bigquery.Dataset(f"{self.cloud.project}.{names.staging}")
        staging.default_table_expiration_ms = names.staging_expiration_days * _DAY_MS
        for dataset in (central, staging):
            dataset.location = self.cloud.location
            client.create_dataset(dataset, exists_ok=True)
        self._tables(client)
        # One statement, so that there is exactly one row even if two of these run at once or one is interrupted.
        client.query_and_wait(
            f"INSERT INTO `{names.central}`.dispatcher_state (epoch) "
            f"SELECT 0 FROM (SELECT COUNT(*) AS n FROM `{names.central}`.dispatcher_state) WHERE n = 0"
        )

    def _tables(self, client: bigquery.Client) -> None:
        """Make the platform's tables, and bring tables that an earlier version made up to date."""
        from shared.adapters.stores.table_layouts import TableLayouts
        from shared.adapters.stores.tenant_datasets import list_tenants

        warehouse = warehouse_of(client)
        layouts, tenants = TableLayouts(warehouse), list_tenants(warehouse)
        changes = [*layouts.compare_central(), *(each for tenant in tenants for each in layouts.compare_tenant(tenant))]
        refused = {change.name: "; ".join(map(str, change.obstacles)) for change in changes if change.obstacles}
        central = f"{warehouse.central}."
        if own := [f"{name}: {problem}" for name, problem in refused.items() if name.startswith(central)]:
            raise StateError(
                f"the platform's tables of an earlier version cannot be changed in place: {', '.join(own)}; "
                "remove the state directory, or name another one with --state-dir"
            )
        self.outgrown.update(refused)
        for change in changes:
            if change.is_due and not change.obstacles:
                layouts.carry_out(change)

    def _key(self) -> None:
        from google.cloud import kms

        client: KeyManagementServiceClient = self.clients.kms()
        names, cloud = self.cloud.platform.kms, self.cloud
        _unless_exists(
            lambda: client.create_key_ring(parent=cloud.parent, key_ring_id=names.key_ring, key_ring=kms.KeyRing())
        )
        rotation = timedelta(days=names.rotation_days)
        key = kms.CryptoKey(
            purpose=kms.CryptoKey.CryptoKeyPurpose.ENCRYPT_DECRYPT,
            rotation_period=rotation,
            next_rotation_time=datetime.now(UTC) + rotation,
        )
        _unless_exists(lambda: client.create_crypto_key(parent=cloud.key_ring, crypto_key_id=names.key, crypto_key=key))

    def _secret(self, known_as: str) -> str:
        """A secret's current value; the first one is made here, as deploy.sh would add the first version."""
        from google.cloud import secretmanager
        from google.protobuf.field_mask_pb2 import FieldMask

        client: SecretManagerServiceClient = self.clients.secret_manager()
        name, (current, *_) = self.cloud.secret(known_as), self.cloud.platform.secrets[known_as].aliases
        try:
            answer = client.access_secret_version(name=f"{name}/versions/{current}")
            return answer.payload.data.decode()
        except NotFound:
            pass
        project, secret_id = f"projects/{self.cloud.project}", self.cloud.platform.secrets[known_as].id
        automatic: Any = {"replication": {"automatic": {}}}
        _unless_exists(lambda: client.create_secret(parent=project, secret_id=secret_id, secret=automatic))
        value = secrets.token_urlsafe(32)
        version = client.add_secret_version(parent=name, payload=secretmanager.SecretPayload(data=value.encode()))
        aliases: Any = {"name": name, "version_aliases": {current: int(version.name.rpartition("/")[2])}}
        client.update_secret(secret=aliases, update_mask=FieldMask(paths=["version_aliases"]))
        return value

    def _queues(self) -> None:
        client: CloudTasksClient = self.clients.tasks()
        for name, queue in self.cloud.platform.queues.items():
            client.update_queue(queue=_queue(self.cloud.queue(name), queue))  # makes the queue if there is none

    def _jobs(self, schedules: bool) -> None:
        client: CloudSchedulerClient = self.clients.scheduler()
        for function, entry in self.cloud.platform.functions.items():
            if entry.schedule is None:
                continue
            name = f"{self.cloud.parent}/jobs/{entry.schedule.job}"
            job: Any = {
                "name": name,
                "schedule": entry.schedule.cron,
                "time_zone": "Etc/UTC",
                "attempt_deadline": timedelta(seconds=entry.schedule.attempt_deadline_seconds),
                "http_target": {
                    "uri": self.cloud.function_url(function) + first_path(entry),
                    "http_method": "POST",
                    "headers": {"Content-Type": "application/json"},
                    "body": b"{}",
                    "oidc_token": {
                        "service_account_email": self.cloud.account("scheduler_invoker"),
                        "audience": self.cloud.function_url(function),
                    },
                },
            }
            try:
                client.create_job(parent=self.cloud.parent, job=job)
            except AlreadyExists:
                client.update_job(job=job)
            (client.resume_job if schedules else client.pause_job)(name=name)


def _queue(name: str, queue: Queue) -> Any:
    return {
        "name": name,
        "rate_limits": {
            "max_dispatches_per_second": queue.max_dispatches_per_second,
            "max_concurrent_dispatches": queue.max_concurrent_dispatches,
        },
        "retry_config": {
            "max_attempts": queue.max_attempts,
            "min_backoff": timedelta(seconds=queue.min_backoff_seconds),
            "max_backoff": timedelta(seconds=queue.max_backoff_seconds),
        },
    }


def _unless_exists(create: Callable[[], object]) -> None:
    try:
        create()
    except AlreadyExists:
        return
