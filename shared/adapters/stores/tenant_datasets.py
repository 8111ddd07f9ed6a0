"""Creates tenants' datasets: one for each tenant, with the platform's label, its grants and its tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from google.api_core import exceptions as google
from google.cloud import bigquery

from shared import errors
from shared.adapters.bigquery.job_errors import translated
from shared.adapters.bigquery.warehouse import Warehouse
from shared.adapters.stores.table_layouts import TableLayouts

_LABEL, _LABEL_VALUE = "convergence", "tenant"
_GRANT_ATTEMPTS = 5


@dataclass(frozen=True)
class RefusedTable:
    """A table that differs from configs/tables and cannot be changed in place. `reasons` go to the log."""

    table: str
    reasons: Sequence[str]


@dataclass(frozen=True)
class Preparation:
    """The parts that a call created, and those that it could not change."""

    dataset_created: bool
    tables_created: Sequence[str]
    tables_refused: Sequence[RefusedTable]


@dataclass(frozen=True)
class TenantDatasets:
    """Creates missing datasets and tables, and changes older ones in place. A repeated call completes an earlier one.

    `writers`: e-mail addresses of the accounts that write into tenants' datasets. `kms_key`: the platform owner's key
    that encrypts the tables of a new dataset; if it is empty, Google's own key does.
    """

    warehouse: Warehouse
    writers: Sequence[str]
    kms_key: str = ""

    def prepare(self, tenant_id: str) -> Preparation:
        """Create the tenant's dataset with its grants and x_meta tables, and change older tables in place.

        It raises Conflict if a dataset of that name does not belong to the platform.
        """
        with translated():
            dataset, created = self._dataset(tenant_id)
            self._check_ours(dataset)
            self._grant(dataset)
            return self._prepare_tables(tenant_id, created)

    def grant(self, tenant_id: str) -> bool:
        """Give the writers their right on an existing dataset; whether one did not have it."""
        with translated():
            dataset = self.warehouse.client.get_dataset(bigquery.DatasetReference(self.warehouse.project, tenant_id))
            return self._grant(dataset)

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
        except google.Conflict:  # another call created it first
            return client.get_dataset(reference, retry=self.warehouse.retry_budget.of_known("Dataset")), False

    def _check_ours(self, dataset: bigquery.Dataset) -> None:
        if dataset.labels.get(_LABEL) != _LABEL_VALUE:
            raise errors.Conflict(
                f"A dataset named {dataset.dataset_id} exists and does not belong to Convergence; ask the operator."
            )
        if dataset.location.upper() != self.warehouse.location.upper():
            raise errors.Conflict(f"The dataset {dataset.dataset_id} is not where the platform is; ask the operator.")

    def _grant(self, dataset: bigquery.Dataset) -> bool:
        """Add what is missing; whether something was."""
        wanted = [bigquery.AccessEntry("WRITER", "userByEmail", email) for email in self.writers]
        for _ in range(_GRANT_ATTEMPTS):
            held = {(entry.role, entry.entity_type, entry.entity_id) for entry in dataset.access_entries}
            missing = [entry for entry in wanted if (entry.role, entry.entity_type, entry.entity_id) not in held]
            if not missing:
                return False
            dataset.access_entries = [*dataset.access_entries, *missing]
            try:
                self.warehouse.client.update_dataset(dataset, ["access_entries"])  # sends the etag of the read
            except google.PreconditionFailed:
                dataset = self.warehouse.client.get_dataset(dataset.reference)
                continue
            return True
        raise errors.Unavailable(retry_after=1)

    def _prepare_tables(self, tenant_id: str, dataset_created: bool) -> Preparation:
        layouts = TableLayouts(self.warehouse)
        made, refused = [], []
        for change in layouts.compare_tenant(tenant_id):
            name = change.table.table
            if change.obstacles:
                refused.append(RefusedTable(name, [str(obstacle) for obstacle in change.obstacles]))
                continue
            try:
                if change.is_due and layouts.carry_out(change):
                    made.append(name)
            except (errors.Conflict, errors.JobFailed, errors.AccessDenied) as error:
                if change.growth is None and not change.is_view:  # without this table no run could be logged
                    raise
                refused.append(RefusedTable(name, [errors.bigquery_text_of(error) or error.message]))
        return Preparation(dataset_created, made, refused)


def list_tenants(warehouse: Warehouse) -> Sequence[str]:
    """The tenants that have a dataset with the platform's label, sorted."""
    with translated():
        found = warehouse.client.list_datasets(warehouse.project, filter=f"labels.{_LABEL}:{_LABEL_VALUE}")
        return sorted(dataset.dataset_id for dataset in found)
