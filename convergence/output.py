"""Prints answers: as JSON, or as tables for people."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from convergence.api import Json
from shared.runtime.terminal import without_commands

_TIME = len("2025-11-18T09:30:00")


def print_json(answer: Any) -> None:
    """Print an answer of the API as it is."""
    print(without_commands(json.dumps(answer, indent=2, ensure_ascii=False)))


def print_lines(*lines: str | None) -> None:
    """Print the lines, without those that are None."""
    for line in lines:
        if line is not None:
            print(without_commands(line))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, numbers: Sequence[str] = ()) -> None:
    """Print rows under their columns' names. Columns in `numbers` are right-aligned. None is shown as a hyphen."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in columns:
        table.add_column(name, justify="right" if name in numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*("-" if value is None else without_commands(str(value)) for value in row))
    # Markup would read brackets in a tenant's own names as styles.
    Console(markup=False, highlight=False, soft_wrap=False).print(table, markup=False)


def short_time(value: str | None) -> str | None:
    """A time of the API without fractions of a second."""
    return value[:_TIME].replace("T", " ") if value else None


def days_of(run: Json) -> str | None:
    """The days that a run published, as one text."""
    first, last = run["first_date"], run["last_date"]
    return first if first == last else f"{first} to {last}"
