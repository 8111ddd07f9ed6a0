"""A WITH query that is equal to one in an outer WITH is bound once; any other is bound separately."""

from __future__ import annotations

from typing import Any

import pytest

from devcloud.bigquery.model import QueryRequest
from devcloud.bigquery.sql import run_statement
from devcloud.bigquery.sql.plan import Plan
from tests.support.devcloud.warehouse import DATASET, PROJECT, Warehouse


@pytest.fixture
def plans(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> list[Plan]:
    made = []
    get = run_statement.PLANS.get

    def noting(*given: Any) -> Plan:
        made.append(get(*given))
        return made[-1]

    monkeypatch.setattr(run_statement.PLANS, "get", noting)
    return made


@pytest.mark.parametrize(
    ("outer", "inner", "rows", "queries"),
    [
        ("a AS (SELECT 1 AS x)", "a AS (SELECT 1 AS x)", [(1, 1)], 2),  # the queries a and b
        ("a AS (SELECT 1 AS x)", "a AS (SELECT 2 AS x)", [(1, 2)], 3),
        ("a AS (SELECT 'Q' AS x)", "a AS (SELECT 'q' AS x)", [("Q", "q")], 3),
        # The same text, which refers to another query.
        ("c AS (SELECT 1 AS x), a AS (SELECT x FROM c)", "c AS (SELECT 5 AS x), a AS (SELECT x FROM c)", [(1, 5)], 5),
    ],
)
def test_an_equal_with_query_is_bound_once_and_gives_the_right_rows(
    warehouse: Warehouse, plans: list[Plan], outer: str, inner: str, rows: list[Any], queries: int
) -> None:
    sql = f"WITH {outer}, b AS (WITH {inner} SELECT x AS y FROM a) SELECT x, y FROM a, b"
    assert warehouse.rows(sql) == rows
    assert plans[-1].sql.count(" AS (SELECT") + plans[-1].sql.count(" AS (WITH") == queries


def test_the_same_text_over_columns_of_another_row_is_another_query(warehouse: Warehouse) -> None:
    inner = "(WITH a AS (SELECT t.x AS v) SELECT v FROM a)"
    sql = f"SELECT {inner}, (SELECT {inner} FROM (SELECT 7 AS x) AS t) FROM (SELECT 3 AS x) AS t"
    assert warehouse.rows(sql) == [(3, 7)]


def test_a_random_expression_is_evaluated_each_time(warehouse: Warehouse) -> None:
    random = "a AS (SELECT RAND() AS x)"
    sql = f"WITH {random}, b AS (WITH {random} SELECT x AS y FROM a) SELECT x != y FROM a, b"
    assert warehouse.rows(sql) == [(True,)]


def test_each_positional_parameter_keeps_its_own_value(warehouse: Warehouse) -> None:
    values = tuple({"parameterType": {"type": "INT64"}, "parameterValue": {"value": value}} for value in ("4", "9"))
    sql = "WITH a AS (SELECT ? AS x), b AS (WITH a AS (SELECT ? AS x) SELECT x AS y FROM a) SELECT x, y FROM a, b"
    with warehouse.engine.session() as session:
        request = QueryRequest(sql, PROJECT, (PROJECT, DATASET), values, "POSITIONAL")
        found = warehouse.engine.run(request, session=session)
    assert found.rows is not None
    assert found.rows.to_pylist() == [{"x": 4, "y": 9}]
