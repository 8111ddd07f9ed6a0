"""Checks whether a table is a billing export, and finds its unknown columns, for the credential set-up and for runs.

Tables and columns are REST resources, as in table_growth. Names are the same in any case, as in BigQuery.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from shared.domain.column_types import api_type

Json = dict[str, Any]

OTHER_COLUMNS = "x_other_columns"  # the column that keeps values without a column of their own
_NEEDED = ("usage_start_time", "export_time", "cost", "currency", "credits", "credits.amount")
# Columns that only some exports have: detailed exports, and exports that began after the column was introduced.
_OF_SOME_EXPORTS = frozenset(
    {
        "adjustment_info",
        "consumption_model",
        "consumption_model.applied_subscription_instance_id",
        "cost_at_effective_price_default",
        "cost_at_list",
        "cost_at_list_consumption_model",
        "invoice.publisher_type",
        "price",
        "price.effective_price_default",
        "price.list_price_consumption_model",
        "project.ancestors",
        "project.ancestry_numbers",
        "project.number",
        "resource",
        "seller_name",
        "subscription",
        "tags",
        "tags.inherited",
        "tags.namespace",
        "transaction_type",
    }
)
_OWN = "x_"  # columns that the platform adds begin with this
_NUMBERS = frozenset({"FLOAT", "NUMERIC", "BIGNUMERIC", "INTEGER"})
_READ_AS = {  # a column of this type may be read from these types; any other only from its own
    "NUMERIC": _NUMBERS | {"STRING"},  # a text may hold a number
    "FLOAT": _NUMBERS,
}
_MAX_NAMED = 20


def export_problem(kind: str, found: Sequence[Json], known: Sequence[Json]) -> str | None:
    """Why a table cannot be read as a billing export: its kind, or a missing column, or one with a wrong type.

    `known` are the columns into which its rows are loaded.
    """
    if kind != "TABLE":
        return f"is a {kind}; only a table can be read"
    missing = set(_missing(found, _of_the_export(known), ""))
    if needed := next((name for name in _NEEDED if name in missing), None):
        return f"is no billing export: it has no column {needed}"
    wrong = next(_wrong_types(found, _of_the_export(known), ""), None)
    return f"is no billing export: {wrong}" if wrong else None


def missing_columns(found: Sequence[Json], known: Sequence[Json]) -> list[str]:
    """The paths of the `known` columns that the export lacks, although every export should have them."""
    return [name for name in _missing(found, _of_the_export(known), "") if name not in _OF_SOME_EXPORTS]


def _missing(found: Sequence[Json], known: Sequence[Json], path: str) -> Iterator[str]:
    given = _by_name(found)
    for column in known:
        name = f"{path}{column['name']}"
        if (other := given.get(column["name"].casefold())) is None:
            yield name
        elif api_type(other["type"]) == "RECORD":
            yield from _missing(other.get("fields", []), column.get("fields", []), f"{name}.")


def _wrong_types(found: Sequence[Json], known: Sequence[Json], path: str) -> Iterator[str]:
    given = _by_name(found)
    for column in known:
        if (other := given.get(column["name"].casefold())) is None:
            continue
        name, wanted = f"{path}{column['name']}", api_type(column["type"])
        is_of_type = api_type(other["type"]) in _READ_AS.get(wanted, {wanted})
        if not is_of_type or _is_repeated(other) != _is_repeated(column):
            yield f"its column {name} is {_words(other)}, and must be {_words(column)}"
        elif wanted == "RECORD":
            yield from _wrong_types(other.get("fields", []), column.get("fields", []), f"{name}.")


def unknown_columns(found: Sequence[Json], known: Sequence[Json]) -> list[str]:
    """The paths of an export's columns and fields that are not among the `known` columns."""
    return list(_unknown(found, _of_the_export(known), ""))


def _unknown(found: Sequence[Json], known: Sequence[Json], path: str) -> Iterator[str]:
    wanted = _by_name(known)
    for column in found:
        name = f"{path}{column['name']}"
        if (own := wanted.get(column["name"].casefold())) is None:
            yield name
        elif own.get("fields"):
            yield from _unknown(column.get("fields", []), own["fields"], f"{name}.")


def spelled(names: Sequence[str], found: Sequence[Json]) -> list[str]:
    """The names of these columns as the export spells them."""
    given = _by_name(found)
    return [given[name.casefold()]["name"] if name.casefold() in given else name for name in names]


def _by_name(columns: Sequence[Json]) -> dict[str, Json]:
    return {column["name"].casefold(): column for column in columns}


def _of_the_export(known: Sequence[Json]) -> list[Json]:
    """The columns that come from the export. The platform adds the others."""
    return [column for column in known if not column["name"].startswith(_OWN)]


def named(columns: Sequence[str]) -> str:
    """The columns as text, at most _MAX_NAMED of them."""
    shown = ", ".join(columns[:_MAX_NAMED])
    more = len(columns) - _MAX_NAMED
    return f"{shown} and {more} more" if more > 0 else shown


def unknown_columns_warning(columns: Sequence[str], table: str = "gcp_cost_billing") -> str | None:
    """The warning for an export with unknown columns, whose rows go to a table; None when it has none."""
    if not columns:
        return None
    are = "1 column that is" if len(columns) == 1 else f"{len(columns)} columns that are"
    return (
        f"The export has {are} not known here: {named(columns)}. Runs keep their values as JSON in the column "
        f"{OTHER_COLUMNS} of {table}, and no other column uses them."
    )


def missing_columns_warning(columns: Sequence[str]) -> str | None:
    """The warning for an export that lacks columns which every export should have; None if it lacks none."""
    if not columns:
        return None
    lacks = "1 column" if len(columns) == 1 else f"{len(columns)} columns"
    return f"The export lacks {lacks} that every billing export has: {named(columns)}. Runs take the values as NULL."


def late_rows_warning(*, is_partitioned_by_arrival: bool) -> str | None:
    """The warning for an export that does not record when its rows arrived; None if it does."""
    if is_partitioned_by_arrival:
        return None
    return (
        "The export is not partitioned by time of arrival, as Google's own are: a run without dates finds a row that "
        "came late only by its export_time, within late_hours of the newest. Load older days by date, or as a backfill."
    )


def _is_repeated(column: Json) -> bool:
    return str(column.get("mode")) == "REPEATED"


def _words(column: Json) -> str:
    return f"{api_type(column['type'])} REPEATED" if _is_repeated(column) else api_type(column["type"])
