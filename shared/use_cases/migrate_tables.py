"""Changes existing tables to what configs/tables says now. It is an operator's command around a deployment.

It compares every table before it changes any. A call that was cut off can be repeated, which completes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from shared.adapters.bigquery.warehouse import Warehouse
from shared.adapters.stores.table_layouts import TableChange, TableLayouts
from shared.adapters.stores.tenant_datasets import TenantDatasets, list_tenants
from shared.errors import AccessDenied, Conflict, InvalidInput, JobFailed

_THREADS = 8  # comparing waits for requests; BigQuery allows about 100 a second
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class MigrationPlan:
    """The result of a call: how many tables were compared, and those that differ from configs/tables."""

    compared: int
    remarkable: Sequence[TableChange]
    central: str

    @property
    def refused(self) -> Sequence[TableChange]:
        """Tables that cannot be changed in place."""
        return [table for table in self.remarkable if table.obstacles]

    @property
    def due(self) -> Sequence[TableChange]:
        """The tables to create or change."""
        return [table for table in self.remarkable if table.is_due and not self._is_terraforms(table)]

    @property
    def left_to_terraform(self) -> Sequence[TableChange]:
        """The platform's missing tables. Terraform has to create them, with the grants on them."""
        return [table for table in self.remarkable if self._is_terraforms(table)]

    def _is_terraforms(self, table: TableChange) -> bool:
        return table.growth is None and table.dataset == self.central


@dataclass(frozen=True)
class Migration:
    """Migrates tables."""

    warehouse: Warehouse

    def plan(self, tenants: Sequence[str] = (), *, progress: Progress) -> MigrationPlan:
        """Compare all tables, or those of some tenants. InvalidInput names tenants without a labelled dataset."""
        known, layouts = list_tenants(self.warehouse), TableLayouts(self.warehouse)
        if unknown := sorted(set(tenants) - set(known)):
            raise InvalidInput(f"No dataset with the label convergence:tenant is named {', '.join(unknown)}.")
        asked = sorted(set(tenants)) or known
        found = [] if tenants else list(layouts.compare_central())
        compared, remarkable = len(found), [table for table in found if table.is_remarkable]
        with ThreadPoolExecutor(_THREADS) as threads:
            for number, tables in enumerate(threads.map(layouts.compare_tenant, asked), start=1):
                compared += len(tables)
                remarkable += [table for table in tables if table.is_remarkable]
                progress(number, len(asked))
        return MigrationPlan(compared, remarkable, self.warehouse.central)

    def carry_out(self, plan: MigrationPlan) -> Iterator[tuple[TableChange, str | None]]:
        """Create and change the tables that are due, each whole or not at all. It yields each with its error, or None.

        It raises Conflict, and changes no table, if a change is refused; Unavailable if BigQuery does not answer.
        """
        if plan.refused:
            raise Conflict("Some tables cannot be changed in place; see the lines above.")
        tables = [change for change in plan.due if not change.is_view]
        views = [change for change in plan.due if change.is_view]  # after tables, whose new columns they show
        with ThreadPoolExecutor(_THREADS) as threads:
            for due in (tables, views):
                yield from zip(due, threads.map(self._attempt, due), strict=True)

    def grant(self, accounts: Sequence[str], tenants: Sequence[str] = ()) -> Iterator[tuple[str, str | None]]:
        """Let the platform's accounts write into tenants' datasets, which an earlier version may not have done.

        It yields each tenant whose dataset lacked a right, with the error, or None if it has them all now.
        """
        asked = sorted(set(tenants)) or list_tenants(self.warehouse)
        with ThreadPoolExecutor(_THREADS) as threads:
            found = threads.map(partial(self._attempt_grant, TenantDatasets(self.warehouse, accounts)), asked)
            yield from (result for result in found if result)

    def _attempt_grant(self, datasets: TenantDatasets, tenant_id: str) -> tuple[str, str | None] | None:
        try:
            return (tenant_id, None) if datasets.grant(tenant_id) else None
        except (AccessDenied, Conflict, JobFailed, InvalidInput) as error:
            return tenant_id, error.message

    def _attempt(self, change: TableChange) -> str | None:
        try:
            TableLayouts(self.warehouse).carry_out(change)
        except (AccessDenied, Conflict, JobFailed) as error:  # the other tenants' datasets are still migrated
            return error.message
        return None
