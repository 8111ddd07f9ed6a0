"""Checks whether a table is a billing export, and finds its columns that are unknown here, for set-up and for runs.

Tables and columns are REST resources, as in table_growth.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from shared.domain.column_types import api_type

Json = dict[str, Any]

OTHER_COLUMNS = "x_other_columns"  # where values without a column of their own are kept
_NEEDED = ("usage_start_time", "export_time", "cost", "currency")
_OWN = "x_"  # how columns begin that the platform adds
_NUMBERS = frozenset({"FLOAT", "NUMERIC", "BIGNUMERIC", "INTEGER"})
_READ_AS = {  # the types that a column of this type is read from; any other from its own alone
    "NUMERIC": _NUMBERS | {"STRING"},  # a text may hold a number
    "FLOAT": _NUMBERS,
}
_MOST_NAMED = 20


def export_problem(kind: str, found: Sequence[Json], known: Sequence[Json]) -> str | None:
    """Why a table cannot be read as a billing export: its kind, or a column that is missing or of another type.

    `known` are the columns that its rows are loaded into.
    """
    if kind != "TABLE":
        return f"is a {kind}; only a table can be read"
    names = {column["name"] for column in found}
    for name in _NEEDED:
        if name not in names:
            return f"is no billing export: it has no column {name}"
    wrong = next(_wrong_types(found, _of_the_export(known), ""), None)
    return f"is no billing export: {wrong}" if wrong else None


def _wrong_types(found: Sequence[Json], known: Sequence[Json], path: str) -> Iterator[str]:
    given = {column["name"]: column for column in found}
    for column in known:
        if (other := given.get(column["name"])) is None:
            continue
        name, wanted = f"{path}{column['name']}", api_type(column["type"])
        is_of_type = api_type(other["type"]) in _READ_AS.get(wanted, {wanted})
        if not is_of_type or _is_repeated(other) != _is_repeated(column):
            yield f"its column {name} is {_words(other)}, and must be {_words(column)}"
        elif wanted == "RECORD":
            yield from _wrong_types(other.get("fields", []), column.get("fields", []), f"{name}.")


def unknown_columns(found: Sequence[Json], known: Sequence[Json]) -> list[str]:
    """The paths of an export's columns, and fields within them, that the `known` columns do not have."""
    return list(_unknown(found, _of_the_export(known), ""))


def _unknown(found: Sequence[Json], known: Sequence[Json], path: str) -> Iterator[str]:
    wanted = {column["name"]: column for column in known}
    for column in found:
        name = f"{path}{column['name']}"
        if (own := wanted.get(column["name"])) is None:
            yield name
        elif own.get("fields"):
            yield from _unknown(column.get("fields", []), own["fields"], f"{name}.")


def _of_the_export(known: Sequence[Json]) -> list[Json]:
    """The columns that come from the export; the platform adds the others."""
    return [column for column in known if not column["name"].startswith(_OWN)]


def named(columns: Sequence[str]) -> str:
    """The columns as text, at most _MOST_NAMED of them."""
    shown = ", ".join(columns[:_MOST_NAMED])
    more = len(columns) - _MOST_NAMED
    return f"{shown} and {more} more" if more > 0 else shown


def unknown_columns_warning(columns: Sequence[str]) -> str | None:
    """The warning for an export with unknown columns; None when it has none."""
    if not columns:
        return None
    are = "1 column that is" if len(columns) == 1 else f"{len(columns)} columns that are"
    return (
        f"The export has {are} not known here: {named(columns)}. Runs keep their values as JSON in the column "
        f"{OTHER_COLUMNS} of gcp_cost_billing, and no other column uses them."
    )


def _is_repeated(column: Json) -> bool:
    return str(column.get("mode")) == "REPEATED"


def _words(column: Json) -> str:
    return f"{api_type(column['type'])} REPEATED" if _is_repeated(column) else api_type(column["type"])
