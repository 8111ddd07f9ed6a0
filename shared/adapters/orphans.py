"""What runs may leave behind: rows nobody closed, staging tables nobody needs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from shared.adapters.bigquery import Warehouse
from shared.adapters.job_errors import translated
from shared.adapters.sql import statement
from shared.adapters.tasks import Closing, RunTask


@dataclass(frozen=True)
class Orphans:
    """Finds and removes leftovers."""

    warehouse: Warehouse

    def find_unclosed(self, *, hours: int) -> list[RunTask]:
        """The last tasks of all runs that ended without an executor in these hours; most were created then. One job."""
        rows = self.warehouse.read(statement("orphans", "read_unclosed"), {"hours": hours})
        return [
            RunTask(
                run_id=row["run_id"],
                tenant_id=row["tenant_id"],
                pipeline_logging_id=row["pipeline_logging_id"],
                lease_id=None,
                attempt=row["attempt"],
                hop=0,
                closing=Closing(row["outcome"], row["error_class"], row["error_message"]),
            )
            for row in rows
        ]

    def remove_expired_staging(self, now: datetime) -> int:
        """Delete staging tables past their expiry that are still there; how many."""
        client = self.warehouse.client
        with translated():
            tables = client.list_tables(f"{self.warehouse.project}.{self.warehouse.staging}")
            expired = [table.reference for table in tables if table.expires is not None and table.expires <= now]
            for table in expired:
                client.delete_table(table, not_found_ok=True)
        return len(expired)
