"""Finds the columns of a table among those of a file by their letters, because files spell one column in many ways."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence


def letters_of(name: str) -> str:
    """The letters and digits of a name, in lower case."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def known_by_letters(known: Collection[str]) -> dict[str, str]:
    """The table's columns that a file may have, by their letters. Those that begin with x_ are the platform's own."""
    return {letters_of(name): name for name in known if not name.startswith("x_")}


def places_of(
    names: Sequence[str], letters: Mapping[str, str], known: Collection[str], aliases: Mapping[str, str]
) -> tuple[dict[str, str], list[str]]:
    """The table's column by the file's column, and the file's columns for which there is none.

    `names`: the file's columns. `letters`: the letters by which each is known. `aliases`: the table's column by other
    letters.
    """
    by_letters = known_by_letters(known)
    own: dict[str, str] = {}
    others: list[str] = []
    taken: set[str] = set()
    # A column under its own name goes before one under another name for the same.
    for name in sorted(names, key=lambda name: letters[name] not in by_letters):
        column = by_letters.get(letters[name]) or aliases.get(letters[name])
        if column is None or column in taken:
            others.append(name)
        else:
            taken.add(column)
            own[name] = column
    return own, others
