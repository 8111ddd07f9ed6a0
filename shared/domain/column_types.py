"""The names of BigQuery's column types: SQL has others than the API for some."""

from __future__ import annotations

_API_NAMES = {
    "INT64": "INTEGER", "FLOAT64": "FLOAT", "BOOL": "BOOLEAN", "STRUCT": "RECORD", "DECIMAL": "NUMERIC",
    "BIGDECIMAL": "BIGNUMERIC",
}  # fmt: skip

COLUMN_TYPES = (
    "BIGNUMERIC", "BOOLEAN", "BYTES", "DATE", "DATETIME", "FLOAT", "GEOGRAPHY", "INTEGER", "JSON", "NUMERIC", "RECORD",
    "STRING", "TIME", "TIMESTAMP",
)  # fmt: skip


def require_column_type(kind: str) -> str:
    """A type as configs/tables spell it; ValueError naming those that there are."""
    if kind in COLUMN_TYPES:
        return kind
    if api_type(kind) in COLUMN_TYPES:
        raise ValueError(f"{kind} is written {api_type(kind)} here")
    raise ValueError(f"{kind} is none of {', '.join(COLUMN_TYPES)}")


def api_type(kind: str) -> str:
    """A type by the name that the API's table resources have for it."""
    return _API_NAMES.get(kind.upper(), kind.upper())
