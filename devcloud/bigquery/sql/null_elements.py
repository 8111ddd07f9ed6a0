"""Refuses arrays with NULL elements in results, as BigQuery does."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from devcloud.bigquery.model import BigQueryError, invalid_query
from devcloud.bigquery.sql.scope import Column


def check_elements(table: pa.Table, columns: list[Column]) -> None:
    """Raises invalidQuery for an array with a NULL element, which BigQuery does not write."""
    for column, known in zip(table.columns, columns, strict=True):
        if known.type.element is None:
            continue
        for chunk in column.chunks:
            if pc.list_flatten(chunk).null_count:
                raise null_element(known)


def null_element(column: Column) -> BigQueryError:
    """BigQuery's error for an array with a NULL element."""
    return invalid_query(f"Array cannot have a null element; error in writing field {column.name}")
