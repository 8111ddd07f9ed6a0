"""Finds where a template's statements, their parameters and their lines of SQL are in its files."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from shared.adapters.bigquery.sql import NAME_LINE, PARAMETER_LINE
from shared.configuration.templates import sql_files
from shared.domain.templates.templates import Template


@dataclass(frozen=True)
class StatementPlace:
    """A statement in its file: `opening` is its first line, `lines` are those of its SQL with their numbers."""

    name: str
    path: Path
    opening: int
    parameters: dict[str, int] = field(default_factory=dict)
    lines: list[tuple[int, str]] = field(default_factory=list)

    def line_of(self, pattern: str) -> int:
        """The number of the first line of SQL that matches a pattern, or of the statement's first line."""
        return next((number for number, text in self.lines if re.search(pattern, text)), self.opening)


def shown_path(path: Path) -> str:
    """The file's path for errors. Below the current directory it is a relative path, which an editor can open."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return os.fspath(path)


def places_of(template: Template) -> Mapping[str, StatementPlace]:
    """The places of all statements of a template, by name."""
    return {place.name: place for path in sql_files(template) if path.is_file() for place in _places(path)}


def _places(path: Path) -> Iterator[StatementPlace]:
    lines = path.read_text(encoding="utf-8").splitlines()
    openings = [(number, match["name"]) for number, line in enumerate(lines) if (match := NAME_LINE.fullmatch(line))]
    ends = [number for number, _ in openings[1:]] + [len(lines)]
    for (start, name), end in zip(openings, ends, strict=True):
        place = StatementPlace(name, path, start + 1)
        _fill(place, lines[start + 1 : end])
        yield place


def _fill(place: StatementPlace, lines: Sequence[str]) -> None:
    for number, line in enumerate(lines, start=place.opening + 1):
        if match := PARAMETER_LINE.fullmatch(line):
            place.parameters[match["name"]] = number
        elif not line.lstrip().startswith("--"):
            place.lines.append((number, line))
