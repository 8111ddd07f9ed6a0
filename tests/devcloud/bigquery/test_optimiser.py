"""DuckDB's optimiser is on while a statement that reads more than a little is under way."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from devcloud.bigquery.duck import one_row
from devcloud.bigquery.optimiser import SMALL_ROWS, Optimiser


@pytest.fixture
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        yield opened


def _is_on(database: duckdb.DuckDBPyConnection) -> bool:
    """What a session of its own sees."""
    with database.cursor() as cursor:
        return bool(one_row(cursor, "SELECT current_setting('enable_optimizer')")[0])


@pytest.mark.parametrize(("rows", "expected"), [(0, False), (SMALL_ROWS, False), (SMALL_ROWS + 1, True), (None, True)])
def test_the_optimiser_is_on_for_what_may_be_large(
    database: duckdb.DuckDBPyConnection, rows: int | None, expected: bool
) -> None:
    optimiser = Optimiser(database)
    with optimiser.on(rows=rows):
        assert _is_on(database) is expected
    assert not _is_on(database)


def test_the_optimiser_stays_on_until_the_last_large_statement_ends(database: duckdb.DuckDBPyConnection) -> None:
    optimiser = Optimiser(database)
    with optimiser.on():
        with pytest.raises(duckdb.Error), optimiser.on():
            database.cursor().execute("SELECT no_such_function()")
        assert _is_on(database)
    assert not _is_on(database)
