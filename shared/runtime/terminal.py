"""Lets commands print on any terminal: of any encoding, and whatever a text has in it."""

from __future__ import annotations

import io
import re
import sys

# Control characters except tab and line feed, with which a text could move the cursor or set the window's title, and
# marks that change the direction of writing, with which it could show other words than it has.
_COMMANDS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def replace_what_cannot_be_shown() -> None:
    """Print a question mark for each character that the terminal does not have, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def without_commands(text: str) -> str:
    """The text with characters that command a terminal written as in JSON: an escape is \\u001b."""
    return _COMMANDS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
