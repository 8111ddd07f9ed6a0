"""Switches DuckDB's optimiser on for large statements only.

To optimise a statement over a few rows takes longer than to run it as it is written. DuckDB has one switch for the
whole database, so the optimiser is on while at least one large statement is under way: a small one that is optimised
meanwhile has the same rows.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from devcloud.bigquery.duck import execute

SMALL_ROWS = 500  # even the product of two such tables is read in a moment


class Optimiser:
    """The optimiser of one database."""

    def __init__(self, database: duckdb.DuckDBPyConnection) -> None:
        self._database, self._lock, self._wanted = database, threading.Lock(), 0
        self._switch(on=False)

    @contextmanager
    def on(self, *, rows: int | None = None) -> Iterator[None]:
        """Optimise the statements of the block, unless they read no more than a few `rows`; None: it is not known."""
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
