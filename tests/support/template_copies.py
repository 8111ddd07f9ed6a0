"""Copies a template, changes the copy, and runs commands on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from shared.configuration.platform_config import CONFIGS

SUMMARY = CONFIGS / "gcp" / "cost" / "daily_by_service.yml"


def copied_below(folder: Path) -> Path:
    """A copy of a template and its SQL under the folder's configs/."""
    path = folder / "configs" / "gcp" / "cost" / SUMMARY.name
    path.parent.mkdir(parents=True)
    path.write_text(SUMMARY.read_text())
    path.with_suffix(".sql").write_text(SUMMARY.with_suffix(".sql").read_text())
    return path


def replaced(path: Path, old: str, new: str) -> int:
    """Replace the first occurrence of a text in the file, and return its line."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return text[: text.index(old)].count("\n") + 1


def told_by(
    main: Callable[[Sequence[str]], int], arguments: Sequence[str], capsys: pytest.CaptureFixture[str]
) -> list[str]:
    """The lines in which a command reports problems. Its exit status must say whether there are any."""
    status = main(arguments)
    found = capsys.readouterr().err.splitlines()
    assert status == int(bool(found))
    return found
