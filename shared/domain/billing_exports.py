"""What a table must be to be read as a billing export: told at set-up, and again by each run."""

from __future__ import annotations

from collections.abc import Mapping

from shared.domain.column_types import api_type

_TIME = frozenset({"TIMESTAMP"})
_TEXT = frozenset({"STRING"})
_NUMBER = frozenset({"FLOAT", "NUMERIC", "BIGNUMERIC", "INTEGER", "STRING"})  # a text may hold a number
_NEEDED = {"usage_start_time": _TIME, "export_time": _TIME, "cost": _NUMBER, "currency": _TEXT}


def export_problem(kind: str, columns: Mapping[str, str]) -> str | None:
    """Why a table cannot be read as a billing export, by its kind and its columns' types in the API's words."""
    if kind != "TABLE":
        return f"is a {kind}; only a table can be read"
    for name, types in _NEEDED.items():
        if name not in columns:
            return f"is no billing export: it has no column {name}"
        if (found := api_type(columns[name])) not in types:
            return f"is no billing export: its column {name} is {found}, and must be {sorted(types)[0]}"
    return None
