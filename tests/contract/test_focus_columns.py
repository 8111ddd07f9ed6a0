"""FOCUS's columns, categories and subcategories equal the specification's list, where that list is available."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import pytest

from shared.configuration.platform_config import CONFIGS
from shared.configuration.tables import get_table, get_views

DATA = CONFIGS.parent.parent / "shared" / "data"
SPECIFICATION = DATA / "focus_columns_1.2.csv"
TYPES = {"String": "STRING", "Decimal": "NUMERIC", "Date/Time": "TIMESTAMP", "JSON": "JSON"}
OURS = {column.name: column.type for column in get_table("tenant_dataset", "focus_cost").columns}
# The columns that FOCUS 1.3 and 1.4 added to the dataset Cost and Usage, by the specification's migration guidance.
ADDED = {
    "AllocatedMethodDetails": "JSON",
    "AllocatedMethodId": "STRING",
    "AllocatedResourceId": "STRING",
    "AllocatedResourceName": "STRING",
    "AllocatedTags": "JSON",
    "CommitmentProgramEligibilityDetails": "JSON",
    "ContractApplied": "JSON",
    "HostProviderName": "STRING",
    "InvoiceDetailId": "STRING",
    "ServiceProviderName": "STRING",
}
DOCUMENT = (CONFIGS.parent / "docs" / "focus.md").read_text(encoding="utf-8")

needs_specification = pytest.mark.skipif(
    not SPECIFICATION.exists(), reason="FOCUS's columns are not beside this checkout (../shared/data)"
)


def rows_of(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def categories() -> list[dict[str, Any]]:
    return rows_of(CONFIGS / "gcp" / "service_categories.csv")


def shown(view: str) -> dict[str, str]:
    """The columns of a view, custom ones aside, with their types."""
    return {name: OURS[name] for name in get_views()[view].columns}


@needs_specification
def test_view_of_1_2_has_the_57_columns_with_their_types() -> None:
    wanted = {row["column"]: TYPES[row["type"]] for row in rows_of(SPECIFICATION)}
    assert len(wanted) == 57
    assert shown("focus_cost_v1_2") == wanted


def test_view_of_1_4_has_the_columns_that_1_3_and_1_4_added_and_not_those_that_1_4_removed() -> None:
    earlier, later = shown("focus_cost_v1_2"), shown("focus_cost_v1_4")
    assert (len(earlier), len(later)) == (57, 65)
    assert earlier.keys() - later.keys() == {"ProviderName", "PublisherName"}
    assert {name: later[name] for name in later.keys() - earlier.keys()} == ADDED


def test_table_is_the_union_of_its_views_and_each_shows_its_custom_columns() -> None:
    views = [view for view in get_views().values() if view.of == "focus_cost"]
    custom = [name for name in OURS if name.startswith("x_")]
    assert {name for view in views for name in view.shown} == set(OURS)
    assert all(view.shown == [*view.columns, *custom] for view in views)


def test_document_says_where_each_column_comes_from() -> None:
    described = re.findall(r"^\| ([A-Z]\w+) \| \S", DOCUMENT, re.MULTILINE)
    assert described == [name for name in OURS if not name.startswith("x_")]
    assert all(f"`{name}`" in DOCUMENT for name in OURS if name.startswith("x_"))


@needs_specification
def test_service_categories_are_those_of_focus() -> None:
    allowed = next(row["allowed_values"] for row in rows_of(SPECIFICATION) if row["column"] == "ServiceSubcategory")
    legal = {tuple(pair.strip().split(" > ")) for pair in allowed.split(" ; ")}
    ours = [*categories(), *rows_of(CONFIGS / "azure" / "service_categories.csv")]
    assert {(row["category"], row["subcategory"]) for row in ours} <= legal


def test_each_service_has_one_category() -> None:
    services = [row["service"].lower() for row in categories()]
    assert len(services) == len(set(services)) > 120
    assert services == sorted(services)


@pytest.mark.skipif(not DATA.is_dir(), reason="the other map is not beside this checkout (../shared/data)")
def test_service_categories_mostly_agree_with_another_map() -> None:
    others = {
        (row["service_name"] or row["source_key"]).lower(): row["service_category"]
        for row in rows_of(DATA / "service_category_map.csv")
        if row["provider"] == "Google Cloud"
    }
    ours = {row["service"].lower(): row["category"] for row in categories()}
    both = ours.keys() & others.keys()
    agreed = [name for name in both if ours[name] == others[name]]
    # The other map calls every API an integration, and puts Stackdriver under compute.
    assert len(agreed) > len(both) / 2
