"""The changes that an existing table needs, and the differences that BigQuery cannot alter."""

from __future__ import annotations

from typing import Any

import pytest

from shared.domain.table_growth import plan_growth

Json = dict[str, Any]


def column(name: str, kind: str = "STRING", mode: str = "NULLABLE", description: str = "", **more: Any) -> Json:
    return {"name": name, "type": kind, "mode": mode, "description": description, **more}


def table(*columns: Json, **more: Any) -> Json:
    return {"type": "TABLE", "description": "A table", "schema": {"fields": list(columns)}, **more}


def test_an_up_to_date_table_needs_no_change() -> None:
    wanted = table(column("id", mode="REQUIRED"), column("n", "INTEGER"))
    found = table(column("id", mode="REQUIRED"), column("n", "INT64"), type="TABLE", etag="x", numRows="7")
    growth = plan_growth(wanted, found)
    assert (growth.patch, growth.changes, growth.obstacles, growth.unknown) == ({}, [], [], [])


def test_missing_columns_are_added_after_the_existing_ones_at_any_depth() -> None:
    item = column("item", "RECORD", "REPEATED", fields=[column("name"), column("price", "NUMERIC")])
    older = column("item", "RECORD", "REPEATED", fields=[column("name", policyTags={"names": ["kept"]})])
    growth = plan_growth(table(column("a"), column("new"), item), table(column("a"), older))
    _, grown, new = growth.patch["schema"]["fields"]
    assert new == column("new")
    assert grown["fields"] == [column("name", policyTags={"names": ["kept"]}), column("price", "NUMERIC")]
    assert growth.changes == ["add item.price NUMERIC NULLABLE", "add new STRING NULLABLE"]
    assert growth.missing == ["item.price", "new"]


def test_columns_are_found_in_any_case() -> None:
    assert plan_growth(table(column("Id")), table(column("ID"))).patch == {}


def test_a_required_column_may_become_nullable_and_never_the_reverse() -> None:
    strict, loose = table(column("id", mode="REQUIRED")), table(column("id"))
    assert plan_growth(loose, strict).patch == {"schema": {"fields": [column("id")]}}
    (obstacle,) = plan_growth(strict, loose).obstacles
    assert str(obstacle) == "id: wanted STRING REQUIRED, found STRING NULLABLE"


@pytest.mark.parametrize(
    ("wanted", "found", "expected"),
    [
        (table(column("n", "NUMERIC")), table(column("n", "FLOAT64")), "n: wanted NUMERIC NULLABLE, found FLOAT"),
        (table(column("n", mode="REPEATED")), table(column("n")), "n: wanted STRING REPEATED, found STRING NULLABLE"),
        (table(column("n", mode="REQUIRED")), table(), "n: wanted STRING REQUIRED, found no such column"),
        (table(), table(type="VIEW"), "(table): wanted a table, found VIEW"),
        (
            table(timePartitioning={"type": "DAY", "field": "day"}),
            table(timePartitioning={"type": "MONTH", "field": "day"}),
            "(table): wanted partitioned by DAY of day, found partitioned by MONTH of day",
        ),
    ],
)  # fmt: skip
def test_a_difference_that_cannot_be_altered_is_reported_and_not_changed(
    wanted: Json, found: Json, expected: str
) -> None:
    growth = plan_growth(wanted, found)
    assert [str(obstacle).startswith(expected) for obstacle in growth.obstacles] == [True]


def test_columns_that_configs_do_not_have_stay_and_are_reported() -> None:
    growth = plan_growth(table(column("id"), column("new")), table(column("id"), column("old")))
    assert [field["name"] for field in growth.patch["schema"]["fields"]] == ["id", "old", "new"]
    assert growth.unknown == ["old"]


def test_descriptions_and_clustering_are_updated() -> None:
    wanted = table(column("id", description="new words"), clustering={"fields": ["id"]})
    growth = plan_growth(wanted, table(column("id"), description="old words"))
    assert growth.patch == {
        "schema": {"fields": [column("id", description="new words")]},
        "description": "A table",
        "clustering": {"fields": ["id"]},
    }
    assert growth.changes == ["describe id", "describe the table", "cluster by id"]


def test_a_patched_table_needs_no_further_change() -> None:
    wanted = table(column("id"), column("b", "RECORD", fields=[column("c")]), clustering={"fields": ["id"]})
    found = table(column("id", mode="REQUIRED"), column("old"))
    assert plan_growth(wanted, found | plan_growth(wanted, found).patch).patch == {}


def test_a_partitions_expiry_is_not_changed() -> None:
    """A Terraform variable may set another expiry than configs/."""
    days = {"type": "DAY", "field": "day"}
    growth = plan_growth(table(timePartitioning=days), table(timePartitioning=days | {"expirationMs": "1"}))
    assert (growth.patch, growth.obstacles) == ({}, [])


def test_a_view_is_brought_to_its_query_and_description_and_stays_a_view() -> None:
    wanted = {"description": "A view", "view": {"query": "SELECT a FROM t", "useLegacySql": False}}
    older = {"type": "VIEW", "description": "Once", "view": {"query": "SELECT b FROM t"}}
    assert plan_growth(wanted, wanted | {"type": "VIEW"}).patch == {}
    growth = plan_growth(wanted, older)
    assert growth.patch == wanted
    assert growth.changes == ["select its columns anew", "describe the view"]
    (obstacle,) = plan_growth(wanted, table()).obstacles
    assert str(obstacle) == "(table): wanted a view, found TABLE"
