"""Finds the command line by which a user can call this again."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path


def command() -> str:
    """For example `.venv/bin/python -m devcloud`, which works when pasted into the shell that it is shown in."""
    python = Path(sys.executable)
    here = Path.cwd()
    return f"{shell_word(python.relative_to(here) if python.is_relative_to(here) else python)} -m devcloud"


def shell_word(path: object) -> str:
    """A path as a shell takes it when it is pasted, whatever is in it."""
    return shlex.quote(str(path))
