"""The documents name only existing tables, routes, states, schedules and files; the architecture names all of them."""

from __future__ import annotations

import ast
import re
import tomllib
from functools import cache
from pathlib import Path

import pytest

from shared.configuration.platform_config import get_platform
from shared.configuration.tables import get_tables

ROOT = Path(__file__).resolve().parents[2]
ARCHITECTURE = "docs/architecture/ARCHITECTURE.md"
FLOWS, STRATEGY = "COMPLETE_FLOWS.md", "TESTING_STRATEGY.md"
WALKTHROUGHS = "docs/architecture/WALKTHROUGHS.md"
DOCUMENTS = [ARCHITECTURE, WALKTHROUGHS, FLOWS, STRATEGY]
CENTRAL = get_tables("tenants").keys()
TABLES = CENTRAL | get_tables("tenant_dataset").keys()
FUNCTIONS = get_platform().functions
ROUTES = {route for function in FUNCTIONS.values() if function.answers == "json" for route in function.routes}
PAGES = {route for function in FUNCTIONS.values() if function.answers == "pages" for route in function.routes}
STATE = re.compile(r"[A-Z][A-Z_]{3,}")
# Words in backquotes and capitals that are no states: settings, and names from configs.
NOT_STATES = {"AZURE"}


def text_of(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


def routes_in(text: str) -> set[str]:
    return set(re.findall(r"`((?:GET|POST|PUT|PATCH|DELETE) /api/v1/[^`]*)`", text))


def tables_in(text: str) -> set[str]:
    rows = set(re.findall(r"^\| `([a-z_]+)` \|", text, re.MULTILINE))
    named = set(re.findall(r"\btenants\.([a-z_]+)\b", text))
    drawn = set(re.findall(r"\[\(([a-z_]+)\)\]", text))
    return rows | named | drawn | set(re.findall(r"\bx_meta_[a-z_]+\b", text)) - {"x_meta_"}


def states_in(text: str) -> set[str]:
    quoted = {word for word in re.findall(r"`([^`\n]+)`", text) if STATE.fullmatch(word)}
    drawn = {
        word
        for diagram in re.findall(r"```mermaid\nstateDiagram.*?```", text, re.DOTALL)
        for word in re.findall(rf"\b{STATE.pattern}\b", diagram)
    }
    return (quoted | drawn) - NOT_STATES


@cache
def known_states() -> set[str]:
    """Every word in capitals that a table's column may hold, or that the product's code or SQL writes."""
    described = " ".join(
        column.description
        for group in (get_tables("tenants"), get_tables("tenant_dataset"))
        for table in group.values()
        for column in table.columns
    )
    found = set(STATE.findall(described))
    for path in (ROOT / "shared").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and STATE.fullmatch(node.value):
                found.add(node.value)
    for path in (ROOT / "shared/sql").rglob("*.sql"):
        found |= set(re.findall(rf"'({STATE.pattern})'", path.read_text(encoding="utf-8")))
    return found


def test_every_route_is_in_the_architecture() -> None:
    assert routes_in(text_of(ARCHITECTURE)) == ROUTES


def test_every_route_of_the_console_is_in_its_document() -> None:
    found = re.findall(r"^\| `((?:GET|POST) /[^`]*)` \|", text_of("docs/console.md"), re.MULTILINE)
    assert sorted(found) == sorted(PAGES)


def test_every_central_table_is_in_the_architecture() -> None:
    assert tables_in(text_of(ARCHITECTURE)) >= CENTRAL


def test_every_route_is_in_the_flows() -> None:
    assert routes_in(text_of(FLOWS)) == ROUTES


@pytest.mark.parametrize("document", DOCUMENTS)
def test_named_routes_exist(document: str) -> None:
    assert routes_in(text_of(document)) <= ROUTES


@pytest.mark.parametrize("document", DOCUMENTS)
def test_named_tables_exist(document: str) -> None:
    found = tables_in(text_of(document))
    assert found, "the document names tables, and the pattern finds none"
    assert found <= TABLES


@pytest.mark.parametrize("document", DOCUMENTS)
def test_named_states_exist(document: str) -> None:
    found = states_in(text_of(document))
    assert found, "the document names states, and the pattern finds none"
    assert found <= known_states()


def test_schedules_of_jobs_are_those_of_the_platform() -> None:
    rows = re.findall(r"^\| ([a-z-]+) \| `([^`]+)` \| `([^`]+)` \|", text_of(FLOWS), re.MULTILINE)
    scheduled = {
        (function.schedule.job, function.schedule.cron, function.routes[0])
        for function in FUNCTIONS.values()
        if function.schedule
    }
    assert set(rows) == scheduled


def test_files_and_targets_that_the_strategy_names_exist() -> None:
    text = text_of(STRATEGY)
    named = set(re.findall(r"\b(tests(?:/\w+)+(?:\.py)?|test_e2e_complete\.py|\.ci/run)", text))
    assert len(named) > 20
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []
    markers = {
        marker.partition(":")[0]
        for marker in tomllib.loads(text_of("pyproject.toml"))["tool"]["pytest"]["ini_options"]["markers"]
    }
    assert set(re.findall(r"`pytest -m (\w+)`", text)) == markers - {"judge"}
    targets = set(re.findall(r"`make ([a-z-]+)`", text))
    assert targets <= set(re.findall(r"^([a-z-]+):", text_of("Makefile"), re.MULTILINE))


def test_the_checks_find_names_that_do_not_exist() -> None:
    text = "`POST /api/v1/nowhere`, `tenants.nothing`, `x_meta_nothing`, `BROKEN_STATE`\n| `no_table` | x |\n"
    assert not routes_in(text) & ROUTES
    assert tables_in(text) == {"nothing", "x_meta_nothing", "no_table"}
    assert states_in(text) - known_states() == {"BROKEN_STATE"}
