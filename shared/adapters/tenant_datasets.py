"""The store of tenants' own datasets: one each, labelled as ours, with its grants and its x_meta tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from google.api_core import exceptions as google
from google.cloud import bigquery

from shared import errors
from shared.adapters.bigquery import Warehouse, translated
from shared.tables import get_tables

_LABEL, _LABEL_VALUE = "convergence", "tenant"
_GRANT_ATTEMPTS = 5


@dataclass(frozen=True)
class Preparation:
    """What a call had to create."""

    dataset_created: bool
    tables_created: Sequence[str]


@dataclass(frozen=True)
class TenantDatasets:
    """Creates what is missing; every step may be repeated and goes on where the last call stopped.

    `writers`: e-mails of the accounts that write into tenants' datasets. `kms_key`: the key of the platform's owner
    that encrypts a new dataset's tables; empty for Google's own.
    """

    warehouse: Warehouse
    writers: Sequence[str]
    kms_key: str = ""

    def prepare(self, tenant_id: str) -> Preparation:
        """The tenant's dataset with its grants and x_meta tables; Conflict when one of that name is not ours."""
        with translated():
            dataset, created = self._dataset(tenant_id)
            self._check_ours(dataset)
            self._grant(dataset)
            return Preparation(created, self._create_tables(dataset))

    def _dataset(self, tenant_id: str) -> tuple[bigquery.Dataset, bool]:
        client = self.warehouse.client
        reference = bigquery.DatasetReference(self.warehouse.project, tenant_id)
        try:
            return client.get_dataset(reference), False
        except google.NotFound:
            wanted = bigquery.Dataset(reference)
            wanted.location = self.warehouse.location
            wanted.labels = {_LABEL: _LABEL_VALUE}
            if self.kms_key:
                wanted.default_encryption_configuration = bigquery.EncryptionConfiguration(self.kms_key)
            wanted.description = f"Cloud costs and run logs of tenant {tenant_id}"
        try:
            return client.create_dataset(wanted), True
        except google.Conflict:  # another call was faster
            return client.get_dataset(reference), False

    def _check_ours(self, dataset: bigquery.Dataset) -> None:
        if dataset.labels.get(_LABEL) != _LABEL_VALUE:
            raise errors.Conflict(f"a dataset named {dataset.dataset_id} exists and is not Convergence's")
        if dataset.location.upper() != self.warehouse.location.upper():
            raise errors.Conflict(f"the dataset {dataset.dataset_id} is in {dataset.location}")

    def _grant(self, dataset: bigquery.Dataset) -> None:
        wanted = [bigquery.AccessEntry("WRITER", "userByEmail", email) for email in self.writers]
        for _ in range(_GRANT_ATTEMPTS):
            held = {(entry.role, entry.entity_type, entry.entity_id) for entry in dataset.access_entries}
            missing = [entry for entry in wanted if (entry.role, entry.entity_type, entry.entity_id) not in held]
            if not missing:
                return
            dataset.access_entries = [*dataset.access_entries, *missing]
            try:
                self.warehouse.client.update_dataset(dataset, ["access_entries"])  # sends the etag it was read with
            except google.PreconditionFailed:
                dataset = self.warehouse.client.get_dataset(dataset.reference)
                continue
            return
        raise errors.Unavailable(retry_after=1)

    def _create_tables(self, dataset: bigquery.Dataset) -> list[str]:
        client = self.warehouse.client
        existing = {table.table_id for table in client.list_tables(dataset.reference)}
        missing = {name: table for name, table in _metadata_tables(dataset).items() if name not in existing}
        return [name for name, table in missing.items() if _made(client, table)]


def _metadata_tables(dataset: bigquery.Dataset) -> Mapping[str, bigquery.Table]:
    return {
        name: bigquery.Table.from_api_repr(table.to_api(dataset.project, dataset.dataset_id))
        for name, table in get_tables("tenant_dataset").items()
        if name.startswith("x_meta_")
    }


def _made(client: bigquery.Client, table: bigquery.Table) -> bool:
    try:
        client.create_table(table)
    except google.Conflict:
        return False
    return True
