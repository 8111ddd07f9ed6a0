"""Creates a tenant's data tables, as configs/tables says, when a run first needs them."""

from __future__ import annotations

from google.api_core import exceptions as google
from google.cloud import bigquery

from shared.adapters.bigquery.job_errors import Missing, translated
from shared.adapters.bigquery.warehouse import Warehouse
from shared.adapters.stores.tenant_views import resource_of
from shared.configuration.tables import Table, get_views
from shared.domain.table_growth import plan_growth
from shared.errors import Conflict, StepRefused

_MIGRATE = "python -m shared.commands.migrate"


def make_table(warehouse: Warehouse, tenant_id: str, table: Table) -> bool:
    """Create the table and the views of it if the table is missing. It returns whether it was created.

    If a call is cut off before it has created the views, the next set-up of credentials or migration creates them.

    It raises StepRefused if the table lacks columns, because an earlier release created it and no migration has run.
    """
    wanted = table.to_api(warehouse.project, tenant_id)
    resource = bigquery.Table.from_api_repr(wanted)
    with translated():
        try:
            warehouse.client.create_table(resource, retry=warehouse.retry_budget.calls)
        except google.Conflict:
            found = warehouse.client.get_table(resource, retry=warehouse.retry_budget.of_known("Table")).to_api_repr()
        else:
            _make_views(warehouse, tenant_id, table)
            return True
    if missing := plan_growth(wanted, found).missing:
        columns = f"{'column' if len(missing) == 1 else 'columns'} {', '.join(missing)}"
        raise StepRefused(f"{table.table} of this tenant lacks the {columns}; an operator has to run {_MIGRATE}")
    return False


def no_dataset_yet(error: Missing, tenant_id: str) -> Exception:
    """The error for a request that would write into a tenant's dataset before it exists."""
    if not error.is_in(tenant_id):
        return error
    return Conflict("There is no dataset for this tenant yet; store a credential first.")


def _make_views(warehouse: Warehouse, tenant_id: str, table: Table) -> None:
    for view in get_views().values():
        if view.of == table.table:
            resource = bigquery.Table.from_api_repr(resource_of(view, warehouse.project, tenant_id))
            warehouse.client.create_table(resource, exists_ok=True, retry=warehouse.retry_budget.calls)
