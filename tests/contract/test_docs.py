"""The documents name only tables and routes that exist, and leave none out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from shared.platform_config import get_platform
from shared.tables import get_tables

ROOT = Path(__file__).resolve().parents[2]
ARCHITECTURE = (ROOT / "docs/architecture/ARCHITECTURE.md").read_text()
TABLES = get_tables("tenants").keys() | get_tables("tenant_dataset").keys()
ROUTES = {route for function in get_platform().functions.values() for route in function.routes}


def routes_in(text: str) -> set[str]:
    return set(re.findall(r"`((?:GET|POST|PATCH|DELETE) /api/v1/[^`]*)`", text))


def tables_in(text: str) -> set[str]:
    rows = re.findall(r"^\| `([a-z_]+)` \|", text, re.MULTILINE)
    return set(rows) | set(re.findall(r"\bx_meta_[a-z_]+\b", text))


def test_every_route_in_the_architecture_exists_and_every_route_is_there() -> None:
    assert routes_in(ARCHITECTURE) == ROUTES


def test_every_table_in_the_architecture_exists() -> None:
    assert tables_in(ARCHITECTURE) - {"x_meta_"} <= TABLES
    assert get_tables("tenants").keys() <= tables_in(ARCHITECTURE)


@pytest.mark.parametrize("document", ["README.md", "docs/architecture/ARCHITECTURE.md"])
def test_links_to_files_lead_somewhere(document: str) -> None:
    path = ROOT / document
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text()):
        assert (path.parent / target).exists(), f"{document} links to {target}"
