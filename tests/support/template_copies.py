"""Copies a template, changes the copy, and runs commands on it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from shared.configuration.platform_config import CONFIGS

if TYPE_CHECKING:  # function processes of the tests copy templates too, and do without pytest
    import pytest

SUMMARY = CONFIGS / "gcp" / "cost" / "daily_by_service.yml"


def copied_below(folder: Path) -> Path:
    """A copy of a template and its SQL under the folder's configs/."""
    path = folder / "configs" / "gcp" / "cost" / SUMMARY.name
    path.parent.mkdir(parents=True)
    path.write_text(SUMMARY.read_text())
    path.with_suffix(".sql").write_text(SUMMARY.with_suffix(".sql").read_text())
    return path


def copy_templates(folder: Path, provider: str = "gcp") -> None:
    """Copy a provider's templates to a folder, and the SQL that they include."""
    for name in (provider, "sql"):
        shutil.copytree(CONFIGS / name, folder / name)


def break_one_template(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the templates of Google Cloud be copies in the folder. gcp/cost/daily_by_service cannot be loaded there."""
    copy_templates(folder)
    monkeypatch.setattr("shared.configuration.templates.CONFIGS", folder)
    replaced(folder / "gcp" / "cost" / SUMMARY.name, "uses: sql", "uses: sqll")


def replaced(path: Path, old: str, new: str) -> int:
    """Replace the first occurrence of a text in the file, and return its line."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return text[: text.index(old)].count("\n") + 1


def printed_by(
    main: Callable[[Sequence[str]], int], arguments: Sequence[str], capsys: pytest.CaptureFixture[str]
) -> list[str]:
    """The lines in which a command reports problems. Its exit status must say whether there are any."""
    status = main(arguments)
    found = capsys.readouterr().err.splitlines()
    assert status == int(bool(found))
    return found
