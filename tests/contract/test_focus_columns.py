"""FOCUS's columns, categories and subcategories, where the specification's own list is at hand to hold ours against."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import pytest

from shared.configuration.platform_config import CONFIGS
from shared.configuration.tables import get_table

DATA = CONFIGS.parent.parent / "shared" / "data"
SPECIFICATION = DATA / "focus_columns_1.2.csv"
TYPES = {"String": "STRING", "Decimal": "NUMERIC", "Date/Time": "TIMESTAMP", "JSON": "JSON"}
OURS = {column.name: column.type for column in get_table("tenant_dataset", "focus_cost").columns}
DOCUMENT = (CONFIGS.parent / "docs" / "focus.md").read_text(encoding="utf-8")

needs_specification = pytest.mark.skipif(
    not SPECIFICATION.exists(), reason="FOCUS's columns are not beside this checkout (../shared/data)"
)


def rows_of(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def categories() -> list[dict[str, Any]]:
    return rows_of(CONFIGS / "gcp" / "service_categories.csv")


@needs_specification
def test_table_has_the_57_columns_with_their_types() -> None:
    wanted = {row["column"]: TYPES[row["type"]] for row in rows_of(SPECIFICATION)}
    assert len(wanted) == 57
    assert {name: kind for name, kind in OURS.items() if not name.startswith("x_")} == wanted


def test_document_says_where_each_column_comes_from() -> None:
    described = re.findall(r"^\| ([A-Z]\w+) \| \S", DOCUMENT, re.MULTILINE)
    assert described == [name for name in OURS if not name.startswith("x_")]
    assert all(f"`{name}`" in DOCUMENT for name in OURS if name.startswith("x_"))


@needs_specification
def test_service_categories_are_those_of_focus() -> None:
    allowed = next(row["allowed_values"] for row in rows_of(SPECIFICATION) if row["column"] == "ServiceSubcategory")
    legal = {tuple(pair.strip().split(" > ")) for pair in allowed.split(" ; ")}
    assert {(row["category"], row["subcategory"]) for row in categories()} <= legal


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
    assert len(agreed) > len(both) / 2  # that one calls every API an integration, and Stackdriver compute
