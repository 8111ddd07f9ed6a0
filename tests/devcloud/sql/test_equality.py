"""Equality, order and membership where BigQuery differs from DuckDB: NULL in structs, NaN."""

from __future__ import annotations

import math
from typing import Any

import pytest

from devcloud.bigquery.model import BigQueryError
from tests.support.devcloud.warehouse import Warehouse

NAN = "CAST('nan' AS FLOAT64)"


@pytest.mark.parametrize(
    ("condition", "value"),
    [
        ("(1, NULL) = (1, NULL)", None),
        ("(1, NULL) != (1, NULL)", None),
        ("(1, NULL) = (2, NULL)", False),
        ("(1, NULL) != (2, NULL)", True),
        ("(1, 'a') = (1, 'a')", True),
        ("(1, (2, NULL)) = (1, (2, 3))", None),
        ("(1, (2, NULL)) = (1, (3, 3))", False),
        ("STRUCT(1 AS a, NULL AS b) = STRUCT(1 AS x, 2 AS y)", None),
        ("(1, NULL) IN ((2, 3), (1, 4))", None),
        ("(1, NULL) IN ((2, 3), (4, 4))", False),
        ("(1, 2) IN ((1, NULL), (1, 2))", True),
        ("(1, 2) NOT IN ((1, NULL), (3, 2))", None),
        ("(1, NULL) IN UNNEST([(1, CAST(NULL AS INT64))])", None),
        ("(1, 2) IN UNNEST([(1, CAST(NULL AS INT64)), (1, 2)])", True),
        ("(1, 2) IN (SELECT (1, CAST(NULL AS INT64)))", None),
        ("(1, 2) IN (SELECT AS STRUCT 1, 2)", True),
        ("(1, 2) IN (SELECT (1, 2) FROM UNNEST(CAST([] AS ARRAY<INT64>)))", False),
        ("(1, NULL) IS NOT DISTINCT FROM (1, NULL)", True),
        ("CASE (1, NULL) WHEN (1, NULL) THEN TRUE ELSE FALSE END", False),
        ("NULLIF((1, NULL), (1, NULL)) IS NULL", False),
        ("NULLIF((1, 2), (1, 2)) IS NULL", True),
        (f"{NAN} = {NAN}", False),
        (f"{NAN} IN ({NAN}, 1.0)", False),
        (f"{NAN} IN UNNEST([{NAN}])", False),
        (f"{NAN} IN (SELECT {NAN})", False),
        (f"{NAN} IN (SELECT x FROM UNNEST([{NAN}, NULL]) AS x)", None),
        (f"(1, {NAN}) = (1, {NAN})", False),
        (f"NULLIF({NAN}, {NAN}) IS NULL", False),
    ],
)
def test_condition(warehouse: Warehouse, condition: str, value: bool | None) -> None:
    assert warehouse.value(f"SELECT {condition}") is value


def test_structs_with_null_do_not_join(warehouse: Warehouse) -> None:
    rows = "(SELECT STRUCT(1 AS a, CAST(NULL AS INT64) AS b) AS s UNION ALL SELECT STRUCT(1 AS a, 2 AS b))"
    assert warehouse.value(f"SELECT COUNT(*) FROM {rows} AS x JOIN {rows} AS y ON x.s = y.s") == 1
    assert warehouse.value(f"SELECT COUNT(*) FROM {rows} AS x JOIN {rows} AS y USING (s)") == 1
    assert warehouse.value(f"SELECT COUNT(*) FROM {rows} AS x WHERE x.s IN (SELECT s FROM {rows})") == 1


@pytest.mark.parametrize(
    "sql",
    [
        "STRUCT([1]) = STRUCT([1])",
        "STRUCT(JSON '1') = STRUCT(JSON '1')",
        "(1, 2) < (1, 3)",
        "(1, 2) BETWEEN (1, 2) AND (1, 3)",
        "[1] IN ([1])",
    ],
)
def test_types_without_equality_or_order_are_refused(warehouse: Warehouse, sql: str) -> None:
    with pytest.raises(BigQueryError, match="is not defined for arguments of type"):
        warehouse.value(f"SELECT {sql}")


NUMBERS = f"UNNEST([1.0, {NAN}, -1.0, NULL, CAST('-inf' AS FLOAT64)]) AS x"
UPWARDS = [None, "NaN", "-inf", "-1", "1"]


@pytest.mark.parametrize("way", ["ASC", "DESC"])
def test_nan_is_sorted_below_every_number(warehouse: Warehouse, way: str) -> None:
    wanted = [(value,) for value in (UPWARDS if way == "ASC" else UPWARDS[::-1])]
    for query in (
        f"SELECT x FROM {NUMBERS} ORDER BY x {way}",
        f"SELECT DISTINCT x FROM {NUMBERS} ORDER BY 1 {way}",
        f"SELECT x FROM {NUMBERS} UNION DISTINCT SELECT 1.0 ORDER BY x {way}",
        f"SELECT x FROM {NUMBERS} ORDER BY ROW_NUMBER() OVER (ORDER BY x {way})",
        f"SELECT x FROM UNNEST((SELECT ARRAY_AGG(STRUCT(x) ORDER BY x {way}) FROM {NUMBERS}))",
    ):
        found = warehouse.rows(query)
        assert [(None if x is None else text(x),) for (x,) in found] == wanted, query
    known = [value for (value,) in wanted if value is not None]
    for function in ("ARRAY_AGG(x IGNORE NULLS", "ARRAY_AGG(DISTINCT x IGNORE NULLS"):
        listed = warehouse.value(f"SELECT {function} ORDER BY x {way}) FROM {NUMBERS}")
        assert [text(x) for x in listed] == known


def text(number: float) -> str:
    return "NaN" if math.isnan(number) else f"{number:g}"


def test_nan_is_the_least_and_the_greatest(warehouse: Warehouse) -> None:
    found: tuple[Any, ...] = warehouse.rows(
        f"SELECT LEAST(1.0, {NAN}), GREATEST(1.0, {NAN}), LEAST(1, 2.5), LEAST(1.5, NULL)"
    )[0]
    assert [None if x is None else text(x) for x in found] == ["NaN", "NaN", "1", None]


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        ("SELECT 1 FROM UNNEST([1]) AS a, UNNEST([2]) AS a", "Duplicate table alias a"),
        ("SELECT 1 FROM (SELECT 1 AS x) AS t JOIN (SELECT 2 AS x) AS T ON TRUE", "Duplicate table alias T"),
        ("WITH t AS (SELECT 1), t AS (SELECT 2) SELECT 1 FROM t", "Duplicate alias t for WITH subquery"),
        ("SELECT 1 LIMIT -1", "LIMIT expects a non-negative integer"),
        ("SELECT 1 LIMIT NULL", "LIMIT expects a non-negative integer"),
        ("SELECT 1 LIMIT 1 OFFSET -1", "OFFSET expects a non-negative integer"),
        ("SELECT x FROM UNNEST([1]) AS x HAVING x > 0", "HAVING clause requires GROUP BY or aggregation"),
        ("SELECT SUM(x) AS s FROM UNNEST([1]) AS x HAVING SUM(s) > 0", "Aggregations of aggregations"),
        ("SELECT x, RANK() OVER () AS n FROM UNNEST([1]) AS x GROUP BY x HAVING n > 0", "analytic function"),
        ("SELECT SUM(x) AS s FROM UNNEST([1]) AS x QUALIFY s > 0", "QUALIFY clause requires analytic function"),
    ],
)
def test_clause_without_a_meaning_is_refused(warehouse: Warehouse, sql: str, what: str) -> None:
    with pytest.raises(BigQueryError, match=what) as refused:
        warehouse.value(sql)
    assert refused.value.reason == "invalidQuery"


def test_negative_limit_from_a_parameter_is_invalid(warehouse: Warehouse) -> None:
    with pytest.raises(BigQueryError, match="non-negative integer") as refused:
        warehouse.rows("SELECT 1 LIMIT @n", n=("INT64", -1))
    assert refused.value.reason == "invalidQuery"
