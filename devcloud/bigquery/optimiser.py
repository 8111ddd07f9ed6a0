"""Switches DuckDB's optimiser on for large statements only.

A statement over a few rows runs quicker without being optimised. DuckDB has one switch for the whole database, so the
optimiser is on while at least one large statement runs. Small statements are then optimised too, with the same result.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from devcloud.bigquery.duck import execute

SMALL_ROWS = 500  # even a cross join of two such tables is read quickly


class Optimiser:
    """The optimiser of one database."""

    def __init__(self, database: duckdb.DuckDBPyConnection) -> None:
        self._database, self._lock, self._wanted = database, threading.Lock(), 0
        self._switch(on=False)

    @contextmanager
    def on(self, *, rows: int | None = None) -> Iterator[None]:
        """Optimise the statements of the block, unless they read only a few `rows`. None: the number is not known."""
        if rows is not None and rows <= SMALL_ROWS:
            yield
            return
        with self._lock:
            self._wanted += 1
            if self._wanted == 1:
                self._switch(on=True)
        try:
            yield
        finally:
            with self._lock:
                self._wanted -= 1
                if not self._wanted:
                    self._switch(on=False)

    def _switch(self, *, on: bool) -> None:
        execute(self._database, f"SET GLOBAL enable_optimizer = {on}")
