"""A subquery over one array has the same result as list functions and as a query."""

from __future__ import annotations

import pytest

from devcloud.bigquery.model import BigQueryError
from tests.support.devcloud.warehouse import Warehouse

ROWS = """
  CREATE TABLE usage (id INT64, mark STRING, credits ARRAY<STRUCT<kind STRING, amount NUMERIC, n INT64>>);
  INSERT INTO usage VALUES
    (1, 'a', [STRUCT('a' AS kind, NUMERIC '1.5' AS amount, 3 AS n), STRUCT('b', NULL, NULL), STRUCT('a', 2, 1)]),
    (2, 'a', []),
    (3, NULL, [STRUCT('c' AS kind, NUMERIC '-1' AS amount, 2 AS n)]),
    (4, 'b', [STRUCT(CAST(NULL AS STRING) AS kind, CAST(NULL AS NUMERIC) AS amount, CAST(NULL AS INT64) AS n)]);
  CREATE TABLE keyless (line STRUCT<credits ARRAY<STRUCT<amount NUMERIC>>>);
  INSERT INTO keyless VALUES (NULL)
"""
SUBQUERIES = [
    "SELECT SUM(c.amount) FROM UNNEST(credits) AS c",
    "SELECT SUM(c.n) FROM UNNEST(credits) AS c WHERE c.kind = mark",
    "SELECT COUNT(*) FROM UNNEST(credits) AS c",
    "SELECT COUNT(*) FROM UNNEST(credits) AS c WHERE c.amount > 0",
    "SELECT COUNT(c.amount) FROM UNNEST(credits) AS c",
    "SELECT COUNTIF(c.amount > id) FROM UNNEST(credits) AS c",
    "SELECT COUNTIF(c.kind = 'a') > 0 FROM UNNEST(credits) AS c",
    "SELECT MIN(IF(STARTS_WITH(c.kind, 'a'), c.kind, NULL)) FROM UNNEST(credits) AS c",
    "SELECT MAX(c.kind) FROM UNNEST(credits) AS c",
    "SELECT COALESCE(SUM(c.amount), 0) + COUNT(*) FROM UNNEST(credits) AS c",
    "SELECT LOGICAL_OR(c.amount > 1) FROM UNNEST(credits) AS c",
    "SELECT LOGICAL_AND(c.amount > 1) FROM UNNEST(credits) AS c",
    "SELECT STRING_AGG(c.kind) FROM UNNEST(credits) AS c",
    "SELECT STRING_AGG(CONCAT(c.kind, mark), '; ' ORDER BY CONCAT(c.kind, mark)) FROM UNNEST(credits) AS c",
    "SELECT AS STRUCT SUM(c.amount) AS total, COUNT(*) AS n FROM UNNEST(credits) AS c",
    "SELECT SUM(n) FROM UNNEST(credits)",
    # These stay queries; list functions cannot compute them.
    "SELECT STRING_AGG(c.kind, '' ORDER BY c.n DESC) FROM UNNEST(credits) AS c",
    "SELECT COUNT(DISTINCT c.kind) FROM UNNEST(credits) AS c",
    "SELECT ANY_VALUE(c.kind HAVING MAX c.n) FROM UNNEST(credits) AS c",
    "SELECT c.kind FROM UNNEST(credits) AS c WHERE c.n = 1 OR c.n = 2",
    "SELECT SUM((SELECT SUM(d.n) FROM UNNEST(credits) AS d WHERE d.kind = c.kind)) FROM UNNEST(credits) AS c",
    "SELECT MAX(c.n) FROM UNNEST(credits) AS c GROUP BY mark",
]
ARRAYS = [
    "SELECT c.kind FROM UNNEST(credits) AS c WHERE c.kind IS NOT NULL",
    "SELECT CONCAT('k/', c.kind) FROM UNNEST(credits) AS c WHERE c.amount > 0",
    "SELECT AS STRUCT c.kind, c.n + id AS more FROM UNNEST(credits) AS c",
    "SELECT c FROM UNNEST(credits) AS c WHERE FALSE",
    "SELECT c.kind FROM UNNEST(credits) AS c WHERE c.kind IS NOT NULL ORDER BY c.kind DESC",
    "SELECT kind FROM UNNEST(credits) WHERE kind = mark",
]


@pytest.fixture(scope="module")
def filled(shared_warehouse: Warehouse) -> Warehouse:
    """A table with arrays of every length, and one without any."""
    shared_warehouse.run(ROWS)
    return shared_warehouse


def unfolded(subquery: str) -> str:
    """The same subquery with a second table of one row in FROM, so that it is not computed by list functions."""
    head, _, rest = subquery.partition(" FROM UNNEST(credits)")
    alias, where, condition = rest.partition(" WHERE ")
    group = " GROUP BY" if " GROUP BY" in alias else ""
    alias, _, grouped = alias.partition(" GROUP BY") if group else (alias, "", "")
    return f"{head} FROM UNNEST(credits){alias} CROSS JOIN (SELECT 1 AS one){where}{condition}{group}{grouped}"


@pytest.mark.parametrize("subquery", SUBQUERIES)
def test_aggregates_over_an_array_equal_those_of_a_query(filled: Warehouse, subquery: str) -> None:
    folded = filled.rows(f"SELECT id, ({subquery}) AS found FROM usage ORDER BY id")
    assert folded == filled.rows(f"SELECT id, ({unfolded(subquery)}) AS found FROM usage ORDER BY id")
    assert len(folded) == 4


@pytest.mark.parametrize("subquery", ARRAYS)
def test_array_made_from_an_array_equals_that_of_a_query(filled: Warehouse, subquery: str) -> None:
    folded = filled.rows(f"SELECT id, ARRAY({subquery}) AS found FROM usage ORDER BY id")
    assert folded == filled.rows(f"SELECT id, ARRAY({unfolded(subquery)}) AS found FROM usage ORDER BY id")
    assert len(folded) == 4


def test_null_array_has_no_elements(filled: Warehouse) -> None:
    sql = """
      SELECT
        (SELECT COUNT(*) FROM UNNEST(line.credits) AS c),
        (SELECT COUNT(c.amount) FROM UNNEST(line.credits) AS c),
        (SELECT SUM(c.amount) FROM UNNEST(line.credits) AS c),
        ARRAY_LENGTH(ARRAY(SELECT c.amount FROM UNNEST(line.credits) AS c))
      FROM keyless
    """
    assert filled.rows(sql) == [(0, 0, None, 0)]


def test_fields_of_an_aggregated_struct_are_known(filled: Warehouse) -> None:
    sql = "SELECT id, (SELECT AS STRUCT SUM(c.n) AS total FROM UNNEST(credits) AS c).total FROM usage ORDER BY id"
    assert filled.rows(sql) == [(1, 4), (2, None), (3, 2), (4, None)]


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT (SELECT SUM(c.kind) FROM UNNEST(credits) AS c) FROM usage", "No matching signature"),
        ("SELECT (SELECT SUM(c.missing) FROM UNNEST(credits) AS c) FROM usage", "missing"),
        ("SELECT ARRAY(SELECT c.missing FROM UNNEST(credits) AS c) FROM usage", "missing"),
        ("SELECT (SELECT COUNT(*) FROM UNNEST(mark) AS c) FROM usage", "must be arrays"),
        ("SELECT (SELECT SUM(c.n) FROM UNNEST(credits) AS c WHERE c.n) FROM usage", "should return type BOOL"),
    ],
)
def test_error_in_a_subquery_is_reported(filled: Warehouse, sql: str, message: str) -> None:
    with pytest.raises(BigQueryError, match=message):
        filled.run(sql)
