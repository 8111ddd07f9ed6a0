"""The walk-throughs of docs/architecture name only files, functions and statements that exist."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "architecture"
WALKTHROUGHS = (FOLDER / "WALKTHROUGHS.md").read_text(encoding="utf-8")
MAP = (FOLDER / "ARCHITECTURE.md").read_text(encoding="utf-8").partition("## 1. ")[0]
PLACE = re.compile(r"`([\w/]+\.(?:py|sql)): ([\w.]+)`")
# A method, or a function or statement in the file that was named before.
NAME = re.compile(r"`([A-Z]\w+\.\w+|[a-z]+(?:_[a-z]+)+)`")


@cache
def names_of(path: Path) -> frozenset[str]:
    """The functions, classes and methods of a Python file, or the statements of an SQL file."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".sql":
        return frozenset(re.findall(r"^-- name: (\w+)", text, re.MULTILINE))
    return frozenset(_defined(ast.parse(text).body, ""))


def _defined(body: list[ast.stmt], prefix: str) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield prefix + node.name
            yield from _defined(node.body, f"{node.name}.")
        elif isinstance(node, ast.FunctionDef):
            yield prefix + node.name


def missing(text: str) -> list[str]:
    """The names in a text that do not exist. A name without a file belongs to the files of its paragraph."""
    found = []
    for paragraph in re.split(r"\n\s*\n|\n(?=\s*(?:\d+\.|-) )", text):
        places = PLACE.findall(paragraph)
        known: set[str] = set()
        for file, name in places:
            names = names_of(ROOT / file) if (ROOT / file).is_file() else frozenset()
            known |= names
            if name not in names:
                found.append(f"{file}: {name}")
        if places:
            found += [name for name in NAME.findall(paragraph) if name not in known and not _is_other(name)]
    return found


def _is_other(name: str) -> bool:
    """Whether a name is a table or a function of the platform."""
    folders = [ROOT / "functions", *(ROOT / "configs" / "tables").iterdir()]
    return name in {path.stem for folder in folders for path in folder.iterdir()}


def test_every_file_and_function_of_the_walkthroughs_exists() -> None:
    assert len(PLACE.findall(WALKTHROUGHS)) > 50
    assert missing(WALKTHROUGHS) == []


def test_a_name_that_does_not_exist_is_found() -> None:
    text = "1. `shared/use_cases/process_queue.py: Dispatcher.process`, then `Dispatcher.no_such_method`."
    assert missing(text) == ["Dispatcher.no_such_method"]
    assert missing("`shared/nowhere.py: nothing`") == ["shared/nowhere.py: nothing"]


def test_the_map_has_the_layers_that_import_linter_enforces() -> None:
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    layers = next(contract["layers"] for contract in linter["contracts"] if contract.get("exhaustive"))
    drawn = re.findall(r"^(shared/.*?)(?:  .*)?$", MAP.partition("```text\n")[2].partition("```")[0], re.MULTILINE)
    assert [layer.replace("shared/", "").replace(", ", " | ") for layer in drawn] == layers


def test_the_map_describes_each_room() -> None:
    rooms = {path.parent.name for path in (ROOT / "shared").glob("*/__init__.py")}
    assert {room for room in rooms if f"**`shared/{room}/`**" not in MAP} == set()
