"""Compares tables and views in BigQuery with configs/tables: creates missing ones, and changes older ones in place."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from google.api_core import exceptions as google
from google.cloud import bigquery

from shared import errors
from shared.adapters.bigquery.job_errors import translated
from shared.adapters.bigquery.warehouse import Warehouse
from shared.adapters.stores.tenant_views import resource_of
from shared.configuration.tables import Table, View, get_tables, get_views
from shared.domain.table_growth import Growth, Obstacle, plan_growth

_METADATA = "x_meta_"  # these tables are created with the dataset, others by the first run that needs them
_ATTEMPTS = 5
_PROPERTIES = {
    "schema": "schema",
    "description": "description",
    "clustering": "clustering_fields",
    "view": "view_query",
}


@dataclass(frozen=True)
class TableChange:
    """The changes that one table or view of a dataset needs.

    `growth` is the change, `etag` the version of the table that was compared. Both are None for a missing table.
    """

    dataset: str
    table: Table | View
    growth: Growth | None = None
    etag: str | None = None

    @property
    def name(self) -> str:
        """The name in the form that people write."""
        return f"{self.dataset}.{self.table.table}"

    @property
    def is_view(self) -> bool:
        """Whether this is a view, which shows a table's columns and has no rows of its own."""
        return isinstance(self.table, View)

    @property
    def obstacles(self) -> Sequence[Obstacle]:
        """The differences that cannot be changed in place."""
        return self.growth.obstacles if self.growth else []

    @property
    def unknown(self) -> Sequence[str]:
        """Columns that configs/tables does not have."""
        return self.growth.unknown if self.growth else []

    @property
    def is_due(self) -> bool:
        """Whether there is something to do."""
        return self.growth is None or bool(self.growth.patch)

    @property
    def is_remarkable(self) -> bool:
        """Whether it differs from configs/tables in any way."""
        return self.is_due or bool(self.obstacles) or bool(self.unknown)


@dataclass(frozen=True)
class TableLayouts:
    """Compares tables and changes them by metadata requests, without a job."""

    warehouse: Warehouse

    def compare_central(self) -> Sequence[TableChange]:
        """The platform's own tables."""
        return self._compare_all(self.warehouse.central, get_tables("tenants"))

    def compare_tenant(self, tenant_id: str) -> Sequence[TableChange]:
        """The tables of a tenant's dataset: existing ones, ones needed before the first run, then views of them.

        Views come last, because a view may show columns that its table does not have yet.
        """
        found = self._compare_all(tenant_id, {**get_tables("tenant_dataset"), **get_views()})
        there = {change.table.table for change in found if change.growth}
        return [change for change in found if _is_wanted(change.table, there)]

    def carry_out(self, change: TableChange) -> bool:
        """Create or change the table in one request. It returns whether the table was created.

        If another writer changes the table at the same time, it is compared again. It raises Conflict if the table
        cannot be changed in place.
        """
        with translated():
            for _ in range(_ATTEMPTS):
                try:
                    return self._send(change)
                except (google.Conflict, google.PreconditionFailed):
                    change = self._compare(change.dataset, change.table)
                    if change.obstacles:
                        raise errors.Conflict(
                            f"{change.name} cannot be changed in place any more; compare it again."
                        ) from None
        raise errors.Unavailable(retry_after=1)

    def _compare_all(self, dataset: str, tables: Mapping[str, Table | View]) -> Sequence[TableChange]:
        with translated():
            there = self._names(dataset)
            return [
                self._compare(dataset, table) if name in there else TableChange(dataset, table)
                for name, table in tables.items()
            ]

    def _names(self, dataset: str) -> set[str]:
        """The names of existing tables. A dataset may be missing after a first deployment that was cut off."""
        reference = bigquery.DatasetReference(self.warehouse.project, dataset)
        try:
            return {listed.table_id for listed in self.warehouse.client.list_tables(reference)}
        except google.NotFound:
            return set()

    def _compare(self, dataset: str, table: Table | View) -> TableChange:
        wanted = resource_of(table, self.warehouse.project, dataset)
        found = self.warehouse.client.get_table(bigquery.Table.from_api_repr(wanted))
        return TableChange(dataset, table, plan_growth(wanted, found.to_api_repr()), found.etag)

    def _send(self, change: TableChange) -> bool:
        resource = resource_of(change.table, self.warehouse.project, change.dataset)
        if change.growth is None:
            self.warehouse.client.create_table(bigquery.Table.from_api_repr(resource))
            return True
        if patch := change.growth.patch:  # the etag makes BigQuery refuse the change of a table that changed meanwhile
            grown = bigquery.Table.from_api_repr(resource | patch | {"etag": change.etag})
            self.warehouse.client.update_table(grown, [_PROPERTIES[part] for part in patch])
        return False


def _is_wanted(table: Table | View, there: Collection[str]) -> bool:
    of = table.of if isinstance(table, View) else table.table
    return table.table in there or of in there or table.table.startswith(_METADATA)
