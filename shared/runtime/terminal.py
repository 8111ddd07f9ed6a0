"""Lets commands print on terminals whose encoding is not UTF-8."""

from __future__ import annotations

import io
import sys


def replace_what_cannot_be_shown() -> None:
    """Print a question mark for each character that the terminal does not have, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
