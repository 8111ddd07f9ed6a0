"""Reads named SQL statements of shared/sql and of templates, and types their parameters.

A file holds statements, each opened by `-- name: verb_object`, a sentence that says what it does, and one
`-- param: name TYPE` line for each parameter. `{tenants}`, `{staging}` and `{dataset}` are placeholders for datasets.
The statements of shared/sql/pipeline and of the templates have more placeholders, for tables, columns and other
statements; `naming` fills them. A statement of shared/sql includes one of parts.sql by its name, for example
`{live_lease}`. Except in shared/sql/pipeline, it includes also those above it in its own file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any

from google.cloud import bigquery

from shared.configuration.cache import reread_when_changed
from shared.errors import ConfigError

_SQL = Path(__file__).resolve().parent.parent.parent / "sql"
_PARTS = _SQL / "parts.sql"
NAME_LINE = re.compile(r"^-- name: (?P<name>[a-z0-9_]+)\s*$", re.MULTILINE)
PARAMETER_LINE = re.compile(r"^-- param: (?P<name>[a-z0-9_]+) (?P<type>[A-Z0-9]+|ARRAY<[A-Z0-9]+>)\s*$", re.MULTILINE)
_DATASET = re.compile(r"[a-z][a-z0-9_]{1,62}")
_IDENTIFIER = re.compile(r"(?P<dataset>\{(?:tenants|staging|dataset)\}\.)?(?P<name>[A-Za-z_][A-Za-z0-9_-]{0,254})")


@dataclass(frozen=True)
class Statement:
    """One named statement or script and the types of its parameters."""

    name: str
    text: str
    parameters: Mapping[str, str]

    def sql(self, *, project: str = "", **datasets: str) -> str:
        """The text with filled dataset placeholders. If `project` is given, it comes before each dataset.

        It raises ValueError for a name that is not valid for a dataset.
        """
        for placeholder, dataset in datasets.items():
            if not _DATASET.fullmatch(dataset):
                raise ValueError(f"{placeholder} is not a dataset name")
        prefix = f"`{project}`." if project else ""
        return self.text.format(**{placeholder: f"{prefix}`{dataset}`" for placeholder, dataset in datasets.items()})

    def naming(self, **parts: str | Sequence[str] | Statement) -> Statement:
        """The statement with more filled placeholders: a column, a table as `{dataset}.name`, columns, a statement.

        It raises ValueError for a value that is not an identifier.
        """
        text, parameters = self.text, dict(self.parameters)
        for placeholder, part in parts.items():
            if isinstance(part, Statement):
                filled, parameters = part.text, _merged(parameters, part.parameters)
                text = _put_in(text, placeholder, filled)
            else:
                filled = ", ".join(map(_quoted, [part] if isinstance(part, str) else part))
            text = text.replace(f"{{{placeholder}}}", filled)
        return Statement(self.name, text, parameters)

    def prefixed(self, prefix: str) -> Statement:
        """The statement with a prefix on each parameter, so that statements with equal parameters can be joined."""
        text = self.text
        for name in self.parameters:
            text = re.sub(rf"(?<!@)@{name}\b", f"@{prefix}{name}", text)
        return Statement(self.name, text, {f"{prefix}{name}": kind for name, kind in self.parameters.items()})

    def query_parameters(self, values: Mapping[str, Any]) -> list[Any]:
        """The client's typed parameters; ValueError when a value is missing or not declared."""
        if values.keys() != self.parameters.keys():
            raise ValueError(f"{self.name}: parameters {sorted(values)} are not {sorted(self.parameters)}")
        return [_query_parameter(name, kind, values[name]) for name, kind in self.parameters.items()]


def _put_in(text: str, placeholder: str, part: str) -> str:
    """Indent a statement like the line of its placeholder, unless that would change a multi-line string in it."""
    if re.search(r"'''|\"\"\"", part):
        return text
    alone = re.compile(rf"^([ \t]+)\{{{placeholder}\}}", re.MULTILINE)
    return alone.sub(lambda line: line[1] + re.sub(r"\n(?=[^\n])", f"\n{line[1]}", part), text)


def joined(name: str, statements: Sequence[Statement], separator: str) -> Statement:
    """Several statements joined into one. Parameters with the same name become one."""
    parameters: dict[str, str] = {}
    for item in statements:
        parameters = _merged(parameters, item.parameters)
    return Statement(name, separator.join(item.text for item in statements), parameters)


def _merged(first: Mapping[str, str], second: Mapping[str, str]) -> dict[str, str]:
    for name in first.keys() & second.keys():
        if first[name] != second[name]:
            raise ValueError(f"@{name} is {first[name]} in one statement and {second[name]} in another")
    return {**first, **second}


def _quoted(identifier: str) -> str:
    match = _IDENTIFIER.fullmatch(identifier)
    if not match:
        raise ValueError(f"{identifier} is not an identifier")
    return f"{match['dataset'] or ''}`{match['name']}`"


def _query_parameter(name: str, kind: str, value: Any) -> Any:
    if kind.startswith("ARRAY<"):
        return bigquery.ArrayQueryParameter(name, kind[6:-1], value)
    return bigquery.ScalarQueryParameter(name, kind, value)


@reread_when_changed
def load_statements(path: Path) -> Mapping[str, Statement]:
    """Every statement of a file by name. ConfigError for a missing or binary file, a missing or a duplicate name."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path.name}: is not text in UTF-8") from error
    except OSError as error:
        raise ConfigError(f"{path.name}: cannot be read: {error.strerror}") from error
    openings = list(NAME_LINE.finditer(text))
    if not openings:
        raise ConfigError(f"{path.name}: no statement opens with `-- name:`")
    ends = [opening.start() for opening in openings[1:]] + [len(text)]
    statements: dict[str, Statement] = {}
    parts = load_statements(_PARTS) if path.is_relative_to(_SQL) and path != _PARTS else {}
    for opening, end in zip(openings, ends, strict=True):
        name, body = opening["name"], text[opening.end() : end]
        if name in statements:
            raise ConfigError(f"{path.name}: {name} is there twice; rename or remove one")
        parameters = {match["name"]: match["type"] for match in PARAMETER_LINE.finditer(body)}
        found = Statement(name, _without_comments(body), parameters)
        others = {**parts, **statements} if path.parent == _SQL else parts
        statements[name] = _including(found, others) if others else found
    return statements


def _including(found: Statement, others: Mapping[str, Statement]) -> Statement:
    return found.naming(**{name: others[name] for name in placeholders(found.text) & others.keys()})


def _without_comments(body: str) -> str:
    return "\n".join(line for line in body.splitlines() if not line.lstrip().startswith("--")).strip()


@cache
def statement(file: str, name: str) -> Statement:
    """The statement `name` of shared/sql/<file>.sql."""
    return load_statements(_SQL / f"{file}.sql")[name]


def placeholders(text: str) -> set[str]:
    """The dataset placeholders in a statement's text."""
    return {field for _, field, _, _ in Formatter().parse(text) if field}
