"""Finds the rows of ended runs that are not closed, and removes expired staging tables."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from shared.adapters.bigquery.job_errors import translated
from shared.adapters.bigquery.sql import statement
from shared.adapters.bigquery.warehouse import Warehouse
from shared.adapters.google.closing_tasks import TenantsRun
from shared.domain.runs.delivery import EndedRun


@dataclass(frozen=True)
class Orphans:
    """Finds and removes leftovers."""

    warehouse: Warehouse

    def find_unclosed(self, *, hours: int) -> list[TenantsRun]:
        """The runs that ended without an executor in these hours and are not closed yet. One job."""
        rows = self.warehouse.read(statement("orphans", "read_unclosed"), {"hours": hours})
        return [(row.pop("tenant_id"), EndedRun(**row)) for row in map(dict, rows)]

    def remove_expired_staging(self, now: datetime) -> int:
        """Delete staging tables that exist past their expiry, and return their number."""
        client = self.warehouse.client
        with translated():
            tables = client.list_tables(f"{self.warehouse.project}.{self.warehouse.staging}")
            expired = [table.reference for table in tables if table.expires is not None and table.expires <= now]
            for table in expired:
                client.delete_table(table, not_found_ok=True)
        return len(expired)
