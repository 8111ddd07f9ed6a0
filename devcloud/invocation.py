"""Finds the command line with which a user can run devcloud again."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path


def command() -> str:
    """For example `.venv/bin/python -m devcloud`, which works when pasted into the shell that it is shown in."""
    return f"{shell_word(from_here(Path(sys.executable)))} -m devcloud"


def from_here(path: Path) -> Path:
    """The path as a command in the present folder may name it: relative if it is below."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def shell_word(path: object) -> str:
    """A path, quoted if necessary, so that it can be pasted into a shell."""
    return shlex.quote(str(path))
