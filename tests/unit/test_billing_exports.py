"""Which tables are billing exports, and which of their columns are unknown."""

from __future__ import annotations

from typing import Any

import pytest

from devcloud.seed_billing.export import load_schema
from shared.configuration.tables import get_table
from shared.domain.credentials.billing_exports import (
    export_problem,
    missing_columns,
    missing_columns_warning,
    named,
    spelled,
    unknown_columns,
    unknown_columns_warning,
)

Json = dict[str, Any]

KNOWN = [column.to_api() for column in get_table("tenant_dataset", "gcp_cost_billing").columns]
NOTHING = object()


def changed(path: str, change: Any) -> list[Json]:
    """The export's columns, one of them with other keys, or without it."""
    return _changed(load_schema(), path.split("."), change)


def _changed(columns: list[Json], path: list[str], change: Any) -> list[Json]:
    found = []
    for column in columns:
        if column["name"] != path[0]:
            found.append(column)
        elif len(path) > 1:
            found.append(column | {"fields": _changed(column["fields"], path[1:], change)})
        elif change is not NOTHING:
            found.append(column | change)
    return found


@pytest.mark.parametrize(
    ("path", "change", "problem"),
    [
        ("cost", NOTHING, "it has no column cost"),
        ("currency", NOTHING, "it has no column currency"),
        ("credits", NOTHING, "it has no column credits"),
        ("credits.amount", NOTHING, "it has no column credits.amount"),
        ("cost", {"name": "Cost", "type": "DATE"}, "its column cost is DATE, and must be NUMERIC"),
        ("cost", {"type": "DATE"}, "its column cost is DATE, and must be NUMERIC"),
        ("usage_start_time", {"type": "DATETIME"}, "its column usage_start_time is DATETIME, and must be TIMESTAMP"),
        ("currency", {"mode": "REPEATED"}, "its column currency is STRING REPEATED, and must be STRING"),
        ("service", {"type": "STRING"}, "its column service is STRING, and must be RECORD"),
        ("credits", {"mode": "NULLABLE"}, "its column credits is RECORD, and must be RECORD REPEATED"),
        ("credits.amount", {"type": "BOOL"}, "its column credits.amount is BOOLEAN, and must be NUMERIC"),
        ("usage.amount", {"type": "STRING"}, "its column usage.amount is STRING, and must be FLOAT"),
        ("project.labels.key", {"type": "INT64"}, "its column project.labels.key is INTEGER, and must be STRING"),
    ],
)
def test_a_missing_or_wrong_column_is_named(path: str, change: Any, problem: str) -> None:
    assert export_problem("TABLE", changed(path, change), KNOWN) == f"is no billing export: {problem}"


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("tags", NOTHING),
        ("invoice", NOTHING),
        ("project.ancestors", NOTHING),
        ("cost", {"type": "NUMERIC"}),
        ("cost", {"type": "STRING"}),
        ("cost", {"type": "BIGNUMERIC", "mode": "REQUIRED"}),
        ("usage.amount", {"type": "INT64"}),
        ("credits.amount", {"type": "DECIMAL"}),
        ("tags.inherited", {"type": "BOOL"}),
        ("invoice", {"type": "STRUCT"}),
        ("credits", {"name": "Credits"}),
        ("credits.amount", {"name": "AMOUNT"}),
    ],
)
def test_older_exports_and_other_number_types_are_accepted(path: str, change: Any) -> None:
    found = changed(path, change)
    assert export_problem("TABLE", found, KNOWN) is None
    assert unknown_columns(found, KNOWN) == []


def test_unknown_columns_are_named_by_their_paths() -> None:
    month = {"name": "kind", "type": "STRING"}
    found = [*changed("invoice", {"fields": [month]}), {"name": "of_next_year", "type": "RECORD", "fields": [month]}]
    found.append({"name": "x_source", "type": "STRING"})
    assert unknown_columns(found, KNOWN) == ["invoice.kind", "of_next_year", "x_source"]
    assert unknown_columns_warning([]) is None
    assert "2 columns that are not known here: a, b." in str(unknown_columns_warning(["a", "b"]))
    assert named([f"c{number}" for number in range(22)]).endswith("c18, c19 and 2 more")


def test_missing_columns_are_named_by_their_paths_unless_only_some_exports_have_them() -> None:
    assert missing_columns(changed("tags", NOTHING), KNOWN) == []
    assert missing_columns(changed("invoice", {"name": "INVOICE"}), KNOWN) == []
    assert missing_columns(changed("usage", NOTHING), KNOWN) == ["usage"]
    assert missing_columns(changed("invoice.month", NOTHING), KNOWN) == ["invoice.month"]
    assert missing_columns_warning([]) is None
    assert "lacks 2 columns that every billing export has: a, b." in str(missing_columns_warning(["a", "b"]))


def test_columns_are_read_in_the_spelling_of_the_export() -> None:
    found = changed("cost", {"name": "Cost"})
    assert spelled(["export_time", "cost", "unheard_of"], found) == ["export_time", "Cost", "unheard_of"]
