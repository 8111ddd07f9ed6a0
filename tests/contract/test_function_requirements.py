"""A function's requirements contain every package that it imports."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tools.locks.closing import normalised, pins

ROOT = Path(__file__).resolve().parents[2]
FUNCTIONS = sorted(path.parent for path in ROOT.glob("functions/*/main.py"))
DISTRIBUTIONS = packages_distributions()


def imported(tree: ast.Module) -> Iterator[str]:
    """The modules that loading a file imports, without those under TYPE_CHECKING or in function bodies."""
    for node in tree.body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def path_of(module: str) -> Path | None:
    base = ROOT.joinpath(*module.split("."))
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)


def closure(main: Path) -> set[str]:
    """Every module outside the project that loading `main` imports, directly or through `shared`."""
    found: set[str] = set()
    waiting, seen = [main], set[Path]()
    while waiting:
        path = waiting.pop()
        seen.add(path)
        for module in imported(ast.parse(path.read_text(encoding="utf-8"))):
            if module.split(".")[0] != "shared":
                found.add(module)
            elif (ours := path_of(module)) and ours not in seen:
                waiting.append(ours)
    return found


def distributions(module: str) -> set[str]:
    """The packages that may bring a module: `google.cloud.kms` is of google-cloud-kms, not of every google-*."""
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names or top == "__future__":
        return set()
    if module.startswith("google.cloud."):
        product = re.sub(r"_v\d+$", "", module.split(".")[2])
        return {f"google-cloud-{product.replace('_', '-')}"}
    if top == "google":
        return {"google-auth", "google-api-core"}
    return {normalised(name) for name in DISTRIBUTIONS.get(top, [top])}


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda path: path.name)
def test_requirements_contain_every_imported_package(function: Path) -> None:
    text = (function / "requirements.txt").read_text(encoding="utf-8")
    pinned = {pin.name for pin in pins(text)}
    needed = {module: distributions(module) for module in closure(function / "main.py")}
    missing = sorted(module for module, names in needed.items() if names and not names & pinned)
    assert missing == []


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda path: path.name)
def test_function_has_the_pins_that_were_tested(function: Path) -> None:
    root = set(re.findall(r"^\S+==\S+", (ROOT / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE))
    own = set(re.findall(r"^\S+==\S+", (function / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE))
    assert own <= root
