"""Loads lookups: CSV files under configs/<provider>/ that SQL gets as a parameter, as a JSON array of objects."""

from __future__ import annotations

import csv
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from shared.configuration.cache import reread_when_changed
from shared.configuration.templates import folder_of
from shared.domain.templates.templates import Template
from shared.errors import ConfigError

_MAX_BYTES = 1_000_000  # a query and its parameters may have 10 MB


@dataclass(frozen=True)
class LookupRows:
    """A lookup's rows as JSON text, with every value a string. `digest` is a hash of the rows."""

    text: str
    digest: str


def get_lookup(template: Template, name: str) -> LookupRows:
    """The rows of a template's lookup. ConfigError names the file if it is not valid."""
    home = folder_of(template).parent
    path = (folder_of(template) / template.lookups[name].file).resolve()
    if not path.is_relative_to(home.resolve()):
        raise ConfigError(f"lookups.{name}.file: is not under configs/{template.provider}")
    return _load(path)


@reread_when_changed
def _load(path: Path) -> LookupRows:
    if not path.is_file():
        raise ConfigError(f"{path.name}: there is no such file")
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            table = [row for row in csv.reader(lines, strict=True) if row]
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path.name}: is not text in UTF-8") from error
    except (csv.Error, OSError) as error:
        raise ConfigError(f"{path.name}: {error}") from error
    if not table or len(set(table[0])) < len(table[0]):
        raise ConfigError(f"{path.name}: its first line must name every column once")
    for number, row in enumerate(table[1:], start=2):
        if len(row) != len(table[0]):
            raise ConfigError(f"{path.name}: row {number} has {len(row)} values, its first line {len(table[0])}")
    text = json.dumps([dict(zip(table[0], row, strict=True)) for row in table[1:]], ensure_ascii=False)
    if len(text.encode()) > _MAX_BYTES:
        raise ConfigError(f"{path.name}: is larger than {_MAX_BYTES} bytes as JSON")
    return LookupRows(text, hashlib.sha256(text.encode()).hexdigest()[:16])
