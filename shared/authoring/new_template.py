"""Writes a new template, as a copy of the example of docs/pipelines.md under another name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from shared.configuration.platform_config import CONFIGS
from shared.errors import Conflict, InvalidInput

_EXAMPLE, _PLACE = "daily_by_service", "gcp/cost"
_NAME = re.compile(rf"{_PLACE}/(?P<name>[a-z][a-z0-9_]{{0,40}})")


def write_new_template(path: str) -> Sequence[Path]:
    """Write the template, its SQL and its table, and return the files. Conflict if one of them is there already.

    `path` is the new template's, such as gcp/cost/by_project. The example reads Google Cloud's billing rows.
    """
    named = _NAME.fullmatch(path)
    if not named:
        raise InvalidInput(f"{path}: must be {_PLACE}/ and a name of small letters, digits and underscores")
    name = named["name"]
    copies = {_renamed(file, name): file for file in _example_files()}
    if there := [copy for copy in copies if copy.exists()]:
        raise Conflict(f"{there[0].relative_to(CONFIGS.parent)} is there already; nothing is written.")
    for copy, file in copies.items():
        copy.write_text(file.read_text(encoding="utf-8").replace(_EXAMPLE, name), encoding="utf-8")
    return list(copies)


def _example_files() -> Sequence[Path]:
    table = CONFIGS / "tables" / "tenant_dataset" / f"{_PLACE.replace('/', '_')}_{_EXAMPLE}.yml"
    return [CONFIGS / _PLACE / f"{_EXAMPLE}.yml", CONFIGS / _PLACE / f"{_EXAMPLE}.sql", table]


def _renamed(file: Path, name: str) -> Path:
    return file.with_name(file.name.replace(_EXAMPLE, name))
