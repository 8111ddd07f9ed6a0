"""Computes plausible sizes: a table's logical bytes, and the bytes that a query would bill."""

from __future__ import annotations

from devcloud.bigquery import catalog
from devcloud.bigquery.model import Json, TableRef
from devcloud.bigquery.sql.session import Session

# BigQuery's documented widths; text, and types that contain text, get a typical width instead of a measured one.
_WIDTHS = {"INTEGER": 8, "FLOAT": 8, "NUMERIC": 16, "BOOLEAN": 1, "DATE": 8, "TIME": 8, "DATETIME": 8, "TIMESTAMP": 8}
_TEXT_WIDTH = 24
_LEAST_BILLED = 10 * 1024 * 1024


def table_bytes(session: Session, ref: TableRef) -> int:
    """The table's estimated logical bytes; 0 for what is not a stored table."""
    table = catalog.find_table(session.cursor, ref)
    if table is None or table["type"] != "TABLE":
        return 0
    return session.rows_of(ref, table["creationTime"]) * row_width(table["schema"]["fields"])


def row_width(fields: list[Json]) -> int:
    """The estimated logical bytes of a row."""
    return sum(row_width(f["fields"]) if "fields" in f else _WIDTHS.get(f["type"], _TEXT_WIDTH) for f in fields)


def billed(processed: int, tables: int) -> int:
    """Bytes billed: at least 10 MiB for each table that is read."""
    return max(processed, _LEAST_BILLED * tables)
