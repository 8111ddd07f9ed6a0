"""Checks access. An account may use its own project, and the datasets whose access entries name it."""

from __future__ import annotations

import duckdb

from devcloud.bigquery import catalog
from devcloud.bigquery.model import BigQueryError, TableRef
from devcloud.identity import Caller

_READ = frozenset({"READER", "roles/bigquery.dataViewer"})
_WRITE = frozenset({"WRITER", "OWNER", "roles/bigquery.dataEditor", "roles/bigquery.dataOwner", "roles/bigquery.admin"})


def check_project(caller: Caller, project: str, permission: str) -> None:
    """Raise accessDenied unless the project is the caller's."""
    if caller.project != project:
        what = f"Access Denied: Project {project}: User does not have {permission} permission in project {project}."
        raise BigQueryError("accessDenied", what, status=403)


def check_dataset(
    cursor: duckdb.DuckDBPyConnection, caller: Caller, project: str, dataset: str, *, write: bool
) -> None:
    """Raise accessDenied unless the caller may read (or write) the dataset, whether or not it exists."""
    if not _allowed(cursor, caller, project, dataset, write=write):
        name = f"{project}:{dataset}"
        permission = "bigquery.datasets.update" if write else "bigquery.datasets.get"
        what = f"Access Denied: Dataset {name}: Permission {permission} denied on dataset {name} (or it may not exist)."
        raise BigQueryError("accessDenied", what, status=403)


def check_table(cursor: duckdb.DuckDBPyConnection, caller: Caller, ref: TableRef, *, write: bool) -> None:
    """Raise accessDenied unless the caller may read (or write) the table, whether or not it exists."""
    if not _allowed(cursor, caller, ref.project, ref.dataset, write=write):
        permission = "bigquery.tables.updateData" if write else "bigquery.tables.getData"
        what = (
            f"Access Denied: Table {ref}: User does not have permission {permission} on table {ref}, "
            "or perhaps it does not exist."
        )
        raise BigQueryError("accessDenied", what, status=403)


def _allowed(cursor: duckdb.DuckDBPyConnection, caller: Caller, project: str, dataset: str, *, write: bool) -> bool:
    if caller.project == project:
        return True
    resource = catalog.find_dataset(cursor, project, dataset) or {}
    roles = {
        entry.get("role")
        for entry in resource.get("access", [])
        if str(entry.get("userByEmail", "")).lower() == caller.email.lower()
    }
    return bool(roles & (_WRITE if write else _READ | _WRITE))
