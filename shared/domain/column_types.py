"""Maps GoogleSQL type names to the REST API's."""

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
    """Return a type that configs/tables may use. Any other raises a ValueError that lists the known types."""
    if kind in COLUMN_TYPES:
        return kind
    if api_type(kind) in COLUMN_TYPES:
        raise ValueError(f"{kind} is written {api_type(kind)} here")
    raise ValueError(f"{kind} is none of {', '.join(COLUMN_TYPES)}")


def api_type(kind: str) -> str:
    """The name of a type in the API's table resources."""
    return _API_NAMES.get(kind.upper(), kind.upper())
