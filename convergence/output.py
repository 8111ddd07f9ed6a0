"""Prints answers: as JSON, or as tables for people."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

from convergence.api import Json
from shared.runtime.terminal import without_commands

_TIME = len("2025-11-18T09:30:00")
_ANY_WIDTH = 100_000
_PROSE = 24  # the narrowest column of sentences that still reads well


def print_json(answer: Any) -> None:
    """Print an answer of the API as it is."""
    print(without_commands(json.dumps(answer, indent=2, ensure_ascii=False)))


def print_lines(*lines: str | None) -> None:
    """Print the lines, without those that are None."""
    for line in lines:
        if line is not None:
            print(without_commands(line))


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], *, numbers: Sequence[str] = (), prose: Sequence[str] = ()
) -> None:
    """Print rows under their columns' names. Columns in `numbers` are right-aligned. None is shown as a hyphen.

    On a terminal that is too narrow, columns in `prose` break their lines between words. Nothing else is broken, so
    that ids, dates and amounts can be copied, and a program reads each row as one line.
    """
    cells = [["-" if value is None else without_commands(str(value)) for value in row] for row in rows]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for place, name in enumerate(columns):
        texts = [name, *(row[place] for row in cells)]
        least = max(map(cell_len, texts))
        if name in prose:
            least = max(min(least, _PROSE), *(cell_len(word) for text in texts for word in text.split()))
        table.add_column(
            name, justify="right" if name in numbers else "left", min_width=least, no_wrap=name not in prose
        )
    for row in cells:
        table.add_row(*row)
    # Markup would read brackets in a tenant's own names as styles.
    console = Console(markup=False, highlight=False)
    needed = console.measure(table, options=console.options.update_width(_ANY_WIDTH))
    width = max(console.width, needed.minimum) if sys.stdout.isatty() else needed.maximum
    Console(markup=False, highlight=False, width=width).print(table, markup=False, crop=False)


def short_time(value: str | None) -> str | None:
    """A time of the API without fractions of a second."""
    return value[:_TIME].replace("T", " ") if value else None


def days_of(run: Json) -> str | None:
    """The days that a run published, as one text."""
    first, last = run["first_date"], run["last_date"]
    return first if first == last else f"{first} to {last}"


def published(run: Json) -> str | None:
    """The days and rows that a run published, or None if it has not published. It may end without any new days."""
    return None if run["rows_published"] is None else f"days {days_of(run) or '-'}, rows {run['rows_published']}"
