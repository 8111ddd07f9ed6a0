"""Creates a tenant's data tables from configs/ when a run first has something to check and publish."""

from __future__ import annotations

from google.api_core import exceptions as google
from google.cloud import bigquery

from shared.adapters.bigquery.job_errors import translated
from shared.adapters.bigquery.warehouse import Warehouse
from shared.configuration.tables import Table
from shared.domain.table_growth import plan_growth
from shared.errors import StepRefused

_MIGRATE = "python -m shared.commands.migrate"


def make_table(warehouse: Warehouse, tenant_id: str, table: Table) -> bool:
    """Create the table unless it is there; whether it was created.

    StepRefused when one is there that an earlier release made and nobody has brought up to date: it lacks columns.
    """
    wanted = table.to_api(warehouse.project, tenant_id)
    resource = bigquery.Table.from_api_repr(wanted)
    with translated():
        try:
            warehouse.client.create_table(resource, retry=warehouse.patience.calls)
        except google.Conflict:
            found = warehouse.client.get_table(resource, retry=warehouse.patience.of_known("Table")).to_api_repr()
        else:
            return True
    if missing := plan_growth(wanted, found).missing:
        columns = f"{'column' if len(missing) == 1 else 'columns'} {', '.join(missing)}"
        raise StepRefused(f"{table.table} of this tenant lacks the {columns}; an operator has to run {_MIGRATE}")
    return False
