"""The store of reconciliations: published costs beside those of the providers' own rows, read in one job."""

from __future__ import annotations

from collections.abc import Collection

from google.api_core import exceptions as google
from google.cloud import bigquery

from shared.adapters.bigquery.job_errors import translated
from shared.adapters.bigquery.sql import Statement, joined, statement
from shared.adapters.bigquery.warehouse import JobOptions, Row, Warehouse
from shared.adapters.stores.cost_statements import MAX_BYTES
from shared.domain.cost_reconciliation import MAX_LINES, ReconciliationRequest

SOURCES = ("gcp_cost_billing", "aws_cost_billing", "azure_cost_billing", "focus_cost_file")
_NEEDED = {"focus_cost", "focus_billing_period"}


def read_reconciliation(warehouse: Warehouse, tenant_id: str, request: ReconciliationRequest) -> tuple[list[Row], int]:
    """Read the lines of reconcile_invoices in reconciliation.sql, and the number of bytes that were read. One job.

    A tenant whose runs have published nothing has no lines. BytesLimitExceeded if too many bytes would be read.
    """
    there = _tables(warehouse, tenant_id)
    if not there >= _NEEDED:
        return [], 0
    values = {"first_period": request.first_period, "last_period": request.last_date, "max_rows": MAX_LINES + 1}
    limit = JobOptions(max_bytes_billed=MAX_BYTES)
    return warehouse.read_measured(reconciliation_statement(there), values, dataset=tenant_id, options=limit)


def reconciliation_statement(tables: Collection[str]) -> Statement:
    """The statement for a tenant that has these tables."""
    parts = [statement("reconciliation", name) for name in SOURCES if name in tables]
    sources = joined("source_lines", parts or [statement("reconciliation", "no_source")], "\nUNION ALL\n")
    return statement("reconciliation", "reconcile_invoices").naming(source_lines=sources)


def _tables(warehouse: Warehouse, tenant_id: str) -> set[str]:
    """The names of the tenant's tables, by a request that is no job."""
    reference = bigquery.DatasetReference(warehouse.project, tenant_id)
    with translated():
        try:
            listed = warehouse.client.list_tables(reference, retry=warehouse.retry_budget.calls)
            return {table.table_id for table in listed}
        except google.NotFound:
            return set()
