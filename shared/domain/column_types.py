"""The names of BigQuery's column types: SQL has others than the API for some."""

from __future__ import annotations

_API_NAMES = {
    "INT64": "INTEGER", "FLOAT64": "FLOAT", "BOOL": "BOOLEAN", "STRUCT": "RECORD", "DECIMAL": "NUMERIC",
    "BIGDECIMAL": "BIGNUMERIC",
}  # fmt: skip


def api_type(kind: str) -> str:
    """A type by the name that the API's table resources have for it."""
    return _API_NAMES.get(kind.upper(), kind.upper())
