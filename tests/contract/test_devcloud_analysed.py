"""devcloud compared with Google's SQL analyser: it refuses what the analyser refuses, and never answers 500."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from devcloud.bigquery import catalog
from devcloud.bigquery.model import BigQueryError, TableRef
from devcloud.bigquery.sql.engine import Engine
from tests.support.contract.call_corpus import EXPRESSIONS
from tests.support.contract.generated_sql import statements
from tests.support.contract.query_corpus import QUERIES
from tests.support.devcloud.warehouse import DATASET, PROJECT, Warehouse
from tools.sqljudge.analyse import SqlRefused, analyse
from tools.sqljudge.catalog import Tables

pytestmark = pytest.mark.judge

MADE = """
CREATE TABLE t (i INT64, f FLOAT64, s STRING, n NUMERIC, xs ARRAY<INT64>, r STRUCT<a INT64, b STRING>, day DATE,
  ts TIMESTAMP);
CREATE TABLE u (i INT64, s STRING);
"""
SEEDS = range(3)


@pytest.fixture(scope="module")
def warehouse() -> Warehouse:
    made = Warehouse()
    made.run(MADE)
    return made


@pytest.fixture(scope="module")
def tables(warehouse: Warehouse) -> Tables:
    found = {name: catalog.get_table(warehouse.database, TableRef(PROJECT, DATASET, name)) for name in ("t", "u")}
    return {(DATASET, name): table["schema"]["fields"] for name, table in found.items()}


def answer(engine: Engine, warehouse: Warehouse, sql: str) -> BigQueryError | None:
    """Run a statement, roll it back, and return its error. Any other exception is a defect."""
    with engine.session() as session:
        try:
            warehouse.run(sql, session)
        except BigQueryError as error:
            return error
    return None


def disagreements(warehouse: Warehouse, tables: Tables, corpus: Iterator[str]) -> list[str]:
    found = []
    for sql in corpus:
        error = answer(warehouse.engine, warehouse, sql)
        try:
            analyse(sql, tables, {})
        except SqlRefused as refused:
            if error is None:
                found.append(f"accepted: {sql}: {refused}")
        else:
            if error is not None and "Syntax error" in error.message:
                found.append(f"refused: {sql}: {error.message}")
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_devcloud_runs_no_made_up_statement_that_the_analyser_refuses(
    warehouse: Warehouse, tables: Tables, seed: int
) -> None:
    assert disagreements(warehouse, tables, statements(seed, 150)) == []


def test_devcloud_accepts_no_call_that_the_analyser_refuses(warehouse: Warehouse, tables: Tables) -> None:
    assert disagreements(warehouse, tables, (f"SELECT {one}" for one in EXPRESSIONS)) == []


def test_devcloud_accepts_no_clause_that_the_analyser_refuses(warehouse: Warehouse, tables: Tables) -> None:
    assert disagreements(warehouse, tables, iter(QUERIES)) == []


def test_the_corpus_has_valid_and_invalid_statements(tables: Tables) -> None:
    right = 0
    corpus = list(statements(0, 150))
    for sql in corpus:
        try:
            analyse(sql, tables, {})
            right += 1
        except SqlRefused:
            continue
    assert 15 < right < len(corpus) - 15
