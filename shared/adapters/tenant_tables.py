"""Creates a tenant's data tables from configs/ when a run first has something to check and publish."""

from __future__ import annotations

from google.api_core import exceptions as google
from google.cloud import bigquery

from shared.adapters.bigquery import Warehouse
from shared.adapters.job_errors import translated
from shared.tables import Table


def make_table(warehouse: Warehouse, tenant_id: str, table: Table) -> bool:
    """Create the table unless it is there; whether it was created."""
    resource = bigquery.Table.from_api_repr(table.to_api(warehouse.project, tenant_id))
    with translated():
        try:
            warehouse.client.create_table(resource)
        except google.Conflict:
            return False
    return True
