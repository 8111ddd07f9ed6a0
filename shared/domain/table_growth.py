"""Compares an existing table with configs/tables: the changes that BigQuery can make in place, and the obstacles.

A table may get new columns (NULLABLE and REPEATED ones), and REQUIRED columns may become NULLABLE, at any depth. Its
descriptions and its clustering may change. One request makes all changes, so a table is changed whole or not at all. A
view may get any other query.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.domain.column_types import api_type

Json = dict[str, Any]
_WHOLE_TABLE = "(table)"


@dataclass(frozen=True)
class Obstacle:
    """A difference that cannot be changed in place. `column` is the path of a column, or `(table)`."""

    column: str
    wanted: str
    found: str

    def __str__(self) -> str:
        return f"{self.column}: wanted {self.wanted}, found {self.found}"


@dataclass(frozen=True)
class Growth:
    """The changes that a table needs. `patch` has them as parts of its REST resource, `changes` as text.

    `missing`: columns that the table lacks. `unknown`: columns that configs/tables does not have; they and their values
    stay.
    """

    patch: Json
    changes: Sequence[str]
    obstacles: Sequence[Obstacle]
    unknown: Sequence[str]
    missing: Sequence[str] = ()


def plan_growth(wanted: Json, found: Json) -> Growth:
    """The changes that turn the REST Table resource `found` into `wanted`."""
    kind = "VIEW" if "view" in wanted else "TABLE"
    if found.get("type", "TABLE") != kind:
        return Growth({}, [], [Obstacle(_WHOLE_TABLE, f"a {kind.lower()}", str(found["type"]))], [])
    if kind == "VIEW":
        return _plan_view(wanted, found)
    comparison = _Comparison()
    patch: Json = {}
    changes, before = comparison.changes, found.get("schema", {}).get("fields", [])
    if (fields := comparison.merged(wanted["schema"]["fields"], before)) != before:
        patch["schema"] = {"fields": fields}
    if comparison.redescribed:
        changes.append(f"describe {', '.join(comparison.redescribed)}")
    if wanted["description"] != (found.get("description") or ""):
        patch["description"] = wanted["description"]
        changes.append("describe the table")
    if _clustering(wanted) != _clustering(found):
        patch["clustering"] = wanted.get("clustering")
        changes.append(f"cluster by {', '.join(_clustering(wanted)) or 'nothing'}")
    if _partitioning(wanted) != _partitioning(found):
        comparison.obstacles.append(Obstacle(_WHOLE_TABLE, _partitioning(wanted), _partitioning(found)))
    return Growth(patch, changes, comparison.obstacles, comparison.unknown, comparison.missing)


def _plan_view(wanted: Json, found: Json) -> Growth:
    patch: Json = {}
    changes = []
    if wanted["view"]["query"] != found["view"]["query"]:
        patch["view"] = wanted["view"]
        changes.append("select its columns anew")
    if wanted["description"] != (found.get("description") or ""):
        patch["description"] = wanted["description"]
        changes.append("describe the view")
    return Growth(patch, changes, [], [])


@dataclass
class _Comparison:
    """Collects the differences between two lists of columns."""

    changes: list[str] = field(default_factory=list)
    redescribed: list[str] = field(default_factory=list)
    obstacles: list[Obstacle] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def merged(self, wanted: Sequence[Json], found: Sequence[Json], path: str = "") -> list[Json]:
        """The table's columns after the changes: existing ones in their order, then the new ones."""
        by_name = {column["name"].lower(): column for column in wanted}
        names = {column["name"].lower() for column in found}
        kept = [self._kept(by_name.get(column["name"].lower()), column, path) for column in found]
        missing = [column for name, column in by_name.items() if name not in names]
        for column in missing:
            self._add(column, path)
        return [*kept, *missing]

    def _kept(self, wanted: Json | None, found: Json, path: str) -> Json:
        name = f"{path}{found['name']}"
        if wanted is None:
            self.unknown.append(name)
            return found
        modes = (_mode(found), _mode(wanted))
        if _type(wanted) != _type(found) or (modes[0] != modes[1] and modes != ("REQUIRED", "NULLABLE")):
            self.obstacles.append(Obstacle(name, _words(wanted), _words(found)))
            return found
        column = dict(found)
        if modes[0] != modes[1]:
            self.changes.append(f"let {name} be NULL")
            column["mode"] = "NULLABLE"
        if wanted["description"] != (found.get("description") or ""):
            self.redescribed.append(name)
            column["description"] = wanted["description"]
        if "fields" in wanted:
            column["fields"] = self.merged(wanted["fields"], found.get("fields", []), f"{name}.")
        return column

    def _add(self, column: Json, path: str) -> None:
        name = f"{path}{column['name']}"
        self.missing.append(name)
        if _mode(column) == "REQUIRED":
            self.obstacles.append(Obstacle(name, _words(column), "no such column, and rows that would have no value"))
        else:
            self.changes.append(f"add {name} {_words(column)}")


def _type(column: Json) -> str:
    return api_type(str(column["type"]))


def _mode(column: Json) -> str:
    return str(column.get("mode") or "NULLABLE")


def _words(column: Json) -> str:
    return f"{_type(column)} {_mode(column)}"


def _clustering(table: Json) -> list[str]:
    return list((table.get("clustering") or {}).get("fields", []))


def _partitioning(table: Json) -> str:
    by = table.get("timePartitioning")
    return f"partitioned by {by['type']} of {by.get('field', 'arrival')}" if by else "not partitioned"
