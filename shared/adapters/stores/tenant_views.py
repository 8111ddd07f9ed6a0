"""Describes views of a tenant's tables as BigQuery's API does."""

from __future__ import annotations

from typing import Any

from shared.adapters.bigquery.sql import statement
from shared.configuration.tables import Table, View


def resource_of(table: Table | View, project: str, dataset: str) -> dict[str, Any]:
    """The REST Table resource to create a table or view with."""
    if isinstance(table, Table):
        return table.to_api(project, dataset)
    shown = statement("tenant_views", "select_columns").naming(columns=table.shown, target=f"{{dataset}}.{table.of}")
    return {
        "tableReference": {"projectId": project, "datasetId": dataset, "tableId": table.view},
        "description": table.description,
        # A query of another project reads the view only if the view's own query names the project.
        "view": {"query": shown.sql(project=project, dataset=dataset), "useLegacySql": False},
    }
