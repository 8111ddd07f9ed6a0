"""Runs Python commands in the test's own process, because a process of their own is slow to start."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from unittest.mock import patch

from shared import bootstrap
from shared.adapters.google.own_identity import own_credentials
from shared.configuration.settings import get_settings


@dataclass(frozen=True)
class Said:
    """The exit status and the output of a command."""

    returncode: int
    stdout: str
    stderr: str


def run(main: Callable[[Sequence[str]], int], *arguments: str) -> Said:
    """Run a command's `main` and return its exit status and output, also where argparse ends the process."""
    with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err:
        try:
            status = main(arguments)
        except SystemExit as ended:
            status = int(ended.code or 0)
    return Said(status, out.getvalue(), err.getvalue())


@contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """The product in this environment only: state that it keeps for a process's life is created again."""
    with patch.dict(os.environ, values, clear=True):
        _forget()
        try:
            yield
        finally:
            _forget()


def _forget() -> None:
    for kept in (get_settings, own_credentials, *vars(bootstrap).values()):
        if clear := getattr(kept, "cache_clear", None):
            clear()
