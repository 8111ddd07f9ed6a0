"""Derives from a function's code what it does with the central tables.

Starts at a function's main.py and follows names: whatever is defined under a name that reached code uses counts as
reached, in the modules that reached code imports. That is more than can happen, never less.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
_STATEMENT = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)
_USE = re.compile(r"(?P<verb>\w+(?:\s+(?:INTO|FROM))?)\s+`?\{tenants\}`?\.(?P<table>\w+)")
_RIGHTS = {"INSERT INTO": "append", "UPDATE": "change", "DELETE FROM": "change", "MERGE": "change"}

Definition = ast.FunctionDef | ast.ClassDef


def rights_of(function: str) -> dict[str, set[str]]:
    """The central tables that a function's code reads, appends to and changes, by right."""
    return rights_from(ROOT / "functions" / function / "main.py")


def rights_from(start: Path) -> dict[str, set[str]]:
    """Return the same for the code that a module reaches."""
    reached = _reached(start)
    used = defaultdict(set)
    for file, name in reached.statements():
        for right, table in statement_rights(file)[name]:
            used[right].add(table)
    used["append"] |= reached.streamed()
    used["read"] -= used["change"]  # changing a table's rows includes reading them
    used["append"] -= used["change"]
    return {right: used[right] for right in ("read", "append", "change")}


def nodes_from(start: Path) -> list[ast.AST]:
    """Every node of the code that a module's code reaches."""
    return _reached(start).nodes()


def modules_of(function: str) -> set[str]:
    """The product's modules that a function's code may import, lazily or not, by their dotted names."""
    own = _reached(ROOT / "functions" / function / "main.py").modules()
    return {
        path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".") for path in own if path.name != "main.py"
    }


@cache
def statement_rights(file: str) -> dict[str, set[tuple[str, str]]]:
    """The rights that each statement of a .sql file needs, as (right, table), with those of the included statements."""
    rights: dict[str, set[tuple[str, str]]] = {}
    parts = {} if file == "parts" else statement_rights("parts")
    for name, body in _bodies(file):
        own = {(_RIGHTS.get(" ".join(use["verb"].split()), "read"), use["table"]) for use in _USE.finditer(body)}
        others = {**parts, **rights} if "/" not in file else parts
        rights[name] = own.union(*(used for other, used in others.items() if f"{{{other}}}" in body))
    return rights


def _bodies(file: str) -> Iterator[tuple[str, str]]:
    """Each statement of a .sql file: its name and its text."""
    text = (ROOT / "shared" / "sql" / f"{file}.sql").read_text(encoding="utf-8")
    _, *parts = _STATEMENT.split(text)
    return zip(parts[::2], parts[1::2], strict=True)


@dataclass(frozen=True)
class _Module:
    """A parsed file: what it runs when it is imported, and what it defines, each with its class."""

    tree: ast.Module
    body: ast.Module
    definitions: list[tuple[Definition, str]]


@cache
def _read(path: Path) -> _Module:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    body = ast.Module([node for node in tree.body if not isinstance(node, Definition)], [])
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    owners: list[ast.Module | ast.ClassDef] = [tree, *classes]
    found = [(node, getattr(owner, "name", "")) for owner in owners for node in owner.body]
    return _Module(tree, body, [(node, owner) for node, owner in found if isinstance(node, Definition)])


@cache
def _reached(start: Path) -> _Reached:
    return _Reached(start)


class _Reached:
    """Code reached from a module."""

    def __init__(self, start: Path) -> None:
        self._definitions: dict[str, list[tuple[Definition, str]]] = defaultdict(list)  # each with its class
        self._modules: set[Path] = set()
        self._names: set[str] = set()
        self._nodes: list[ast.AST] = []
        self._waiting: list[ast.AST] = []
        self._load(start)
        self._reach_all(_read(start).tree)

    def modules(self) -> set[Path]:
        """The files that were read on the way."""
        return self._modules

    def nodes(self) -> list[ast.AST]:
        """The functions that were reached."""
        return self._nodes

    def statements(self) -> Iterator[tuple[str, str]]:
        """The named SQL statements that the reached code sends, as (file, name)."""
        words = {node.value for node in self._nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
        for call in self._calls("statement"):
            file, name = (argument.value if isinstance(argument, ast.Constant) else None for argument in call.args)
            if isinstance(file, str):
                known = statement_rights(file) if (ROOT / "shared" / "sql" / f"{file}.sql").is_file() else {}
                yield from ((file, each) for each in known if each == name or (name is None and each in words))

    def streamed(self) -> set[str]:
        """The tables into which the reached code streams."""
        arguments = (call.args[0] for call in self._calls("stream") if call.args)
        return {str(argument.value) for argument in arguments if isinstance(argument, ast.Constant)}

    def _calls(self, name: str) -> Iterator[ast.Call]:
        for node in self._nodes:
            if isinstance(node, ast.Call):
                called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", None)
                if called == name:
                    yield node

    def _load(self, path: Path) -> None:
        if path in self._modules or not path.is_file():
            return
        self._modules.add(path)
        module = _read(path)
        self._waiting.append(module.body)
        for definition in module.definitions:
            self._definitions[definition[0].name].append(definition)
        self._seek(self._names)

    def _seek(self, names: Collection[str]) -> None:
        """Reach the definitions with these names. A method is reached only if its class is reached too."""
        for name in list(names):
            for definition in list(self._definitions.get(name, [])):
                if not definition[1] or definition[1] in self._names:
                    self._definitions[name].remove(definition)
                    self._waiting.append(definition[0])

    def _reach_all(self, start: ast.Module) -> None:
        self._waiting.extend(start.body)
        while self._waiting:
            for node in _nodes_of(self._waiting.pop()):
                self._nodes.append(node)
                if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("shared"):
                    for place in [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]:
                        path = ROOT / place.replace(".", "/")
                        self._load(path.with_suffix(".py"))
                        self._load(path / "__init__.py")
                new = _names(node) - self._names
                self._names |= new
                self._seek(self._names if any(name[0].isupper() for name in new) else new)


@cache
def _names(node: ast.AST) -> frozenset[str]:
    """The names a node uses. Classes are used by their plain name here, Google's of the same name are not."""
    if isinstance(node, ast.Name):
        return frozenset([node.id])
    if isinstance(node, ast.Attribute):
        return frozenset([node.attr] if node.attr[0].islower() or node.attr[0] == "_" else [])
    if isinstance(node, ast.ImportFrom):
        return frozenset(alias.name for alias in node.names if alias.asname)
    return frozenset()


@cache
def _nodes_of(root: ast.AST) -> list[ast.AST]:
    return list(_own_nodes(root))


def _own_nodes(root: ast.AST) -> Iterator[ast.AST]:
    """A definition's nodes without those of the definitions inside it, which are reached by their own names."""
    special = isinstance(root, ast.ClassDef)
    pending = list(ast.iter_child_nodes(root))
    yield root
    while pending:
        node = pending.pop()
        if isinstance(node, Definition) and not (special and node.name.startswith("__")):
            pending.extend(node.decorator_list)
            continue
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        yield node
        pending.extend(ast.iter_child_nodes(node))
