"""Queries have the same results as in BigQuery."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from devcloud.bigquery.model import BigQueryError
from tests.support.devcloud.warehouse import Warehouse

_UTC = dt.UTC
_LABELS = "[STRUCT('team' AS key, 'blue' AS value), ('env', 'prod')]"


@pytest.mark.parametrize(
    ("sql", "answer"),
    [
        # Operators
        ("1 / 2", 0.5),
        ("DIV(-7, 2)", -3),
        ("MOD(-7, 2)", -1),
        ("'a' < 'B'", False),
        ("'abc' NOT LIKE 'a%'", False),
        ("'a_b' LIKE r'a\\_b'", True),
        ("NULL IS NOT DISTINCT FROM NULL", True),
        ("1 IN UNNEST([2, 3])", False),
        ("3 NOT IN (1, 2)", True),
        ("DATE '2024-01-31' + 1", dt.date(2024, 2, 1)),
        # every comparison with NaN is false, with NULL it is NULL
        ("(SELECT [x = x, x != x, x > 1, x >= 1, x < 1, x BETWEEN 0 AND 2] FROM UNNEST([IEEE_DIVIDE(0, 0)]) AS x)",
         [False, True, False, False, False, False]),
        ("(SELECT (x < y) IS NULL FROM UNNEST([STRUCT(NULL AS x, IEEE_DIVIDE(0, 0) AS y)]))", True),
        # Strings
        ("CONCAT('a', 1, TRUE, 1.5, DATE '2024-01-05')", "a1true1.52024-01-05"),
        ("CONCAT(b'a', b'b')", b"ab"),
        ("SUBSTR('hello', -3, 2)", "ll"),
        ("SPLIT('a,b', ',')[SAFE_OFFSET(5)]", None),
        ("REGEXP_EXTRACT('run-42', r'run-(\\d+)')", "42"),
        ("REGEXP_REPLACE('a1b2', r'\\d', '#')", "a#b#"),
        ("TO_HEX(SHA256('a'))", "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"),
        ("TO_BASE64(b'hello')", "aGVsbG8="),
        ("CAST(1.0 AS STRING)", "1"),
        ("CAST(NUMERIC '1.50' AS STRING)", "1.5"),
        ("FORMAT('%s-%03d', 'x', 7)", "x-007"),
        # Conditions
        ("COALESCE(NULL, 2, 3)", 2),
        ("NULLIF(1, 1)", None),
        ("GREATEST(1, NULL)", None),
        ("IF(NULL, 1, 2)", 2),
        ("SAFE_DIVIDE(1, 0)", None),
        ("SAFE_CAST('x' AS INT64)", None),
        ("SAFE_CAST('2024-13-01' AS DATE)", None),
        ("CAST('12' AS INT64)", 12),
        ("CAST(2.5 AS INT64)", 3),
        # Times
        ("DATE(TIMESTAMP '2024-01-01 03:00:00+00', 'America/New_York')", dt.date(2023, 12, 31)),
        ("TIMESTAMP(DATE '2024-07-01', 'America/New_York')", dt.datetime(2024, 7, 1, 4, tzinfo=_UTC)),
        ("TIMESTAMP_TRUNC(TIMESTAMP '2024-01-03', WEEK(MONDAY))", dt.datetime(2024, 1, 1, tzinfo=_UTC)),
        ("TIMESTAMP_TRUNC(TIMESTAMP '2024-01-03', WEEK)", dt.datetime(2023, 12, 31, tzinfo=_UTC)),
        ("TIMESTAMP_DIFF(TIMESTAMP '2024-01-02 00:00:00', TIMESTAMP '2024-01-01 00:00:01', DAY)", 0),
        ("DATE_DIFF(DATE '2024-01-01', DATE '2023-12-31', YEAR)", 1),
        ("DATE_SUB(DATE '2024-03-31', INTERVAL 1 MONTH)", dt.date(2024, 2, 29)),
        ("TIMESTAMP_ADD(TIMESTAMP '2024-01-01', INTERVAL 90 MINUTE)", dt.datetime(2024, 1, 1, 1, 30, tzinfo=_UTC)),
        ("FORMAT_DATE('%Y%m%d', DATE '2024-01-05')", "20240105"),
        ("FORMAT_TIMESTAMP('%FT%TZ', TIMESTAMP '2024-01-05 01:02:03')", "2024-01-05T01:02:03Z"),
        ("PARSE_DATE('%Y%m', '202401')", dt.date(2024, 1, 1)),
        ("PARSE_TIMESTAMP('%Y-%m-%d %H:%M', '2024-01-05 06:07')", dt.datetime(2024, 1, 5, 6, 7, tzinfo=_UTC)),
        ("EXTRACT(DAYOFWEEK FROM DATE '2024-01-07')", 1),
        ("CAST(TIMESTAMP '2024-01-05 01:02:03.5' AS STRING)", "2024-01-05 01:02:03.500+00"),
        ("CURRENT_TIMESTAMP() = CURRENT_TIMESTAMP()", True),
        # Arrays and structs
        ("ARRAY(SELECT x * 2 FROM UNNEST([1, 2]) AS x WHERE x > 1)", [4]),
        ("ARRAY(SELECT AS STRUCT x, 'a' AS y FROM UNNEST([1]) AS x)", [{"x": 1, "y": "a"}]),
        ("(SELECT value FROM UNNEST(" + _LABELS + ") WHERE key = 'env')", "prod"),
        ("(SELECT STRING_AGG(x, '' ORDER BY at DESC) FROM UNNEST(['a', 'b']) AS x WITH OFFSET AS at)", "ba"),
        ("ARRAY_LENGTH(GENERATE_DATE_ARRAY('2024-01-01', '2024-01-10', INTERVAL 3 DAY))", 4),
        ("ARRAY_TO_STRING(['a', NULL, 'b'], '-')", "a-b"),
        # JSON
        ("JSON_VALUE('{\"a\": {\"b\": true}}', '$.a.b')", "true"),
        ("JSON_VALUE('{\"a\": {\"b\": true}}', '$.a')", None),
        ("JSON_QUERY('{\"a\": {\"b\": [1, 2]}}', '$.a')", '{"b":[1,2]}'),
        ("JSON_VALUE('not json', '$.a')", None),
        ("JSON_VALUE(PARSE_JSON('{\"a\": 5}').a)", "5"),
        ("TO_JSON_STRING(STRUCT(1 AS a, 'x\"y' AS b, NUMERIC '1.50' AS n, [DATE '2024-01-01'] AS d, NULL AS z))",
         '{"a":1,"b":"x\\"y","n":1.5,"d":["2024-01-01"],"z":null}'),
    ],
)  # fmt: skip
def test_expressions(warehouse: Warehouse, sql: str, answer: Any) -> None:
    assert warehouse.value(f"SELECT {sql}") == answer


@pytest.fixture
def spending(warehouse: Warehouse) -> Warehouse:
    warehouse.run("CREATE TABLE cost (service STRING, day DATE, amount NUMERIC, tags ARRAY<STRING>)")
    warehouse.run(
        "INSERT INTO cost VALUES ('run', '2024-01-01', 1.5, ['a', 'b']), ('run', '2024-01-02', 2, []),"
        " ('kms', '2024-01-01', 0.25, NULL), (NULL, '2024-01-03', NULL, ['c'])"
    )
    return warehouse


@pytest.mark.parametrize(
    ("sql", "answer"),
    [
        ("SELECT service FROM cost ORDER BY service", [(None,), ("kms",), ("run",), ("run",)]),
        ("SELECT service FROM cost ORDER BY service DESC LIMIT 1 OFFSET 3", [(None,)]),
        ("SELECT service, COUNT(*) AS n FROM cost GROUP BY 1 HAVING n > 1", [("run", 2)]),
        ("SELECT COUNTIF(amount > 1), COUNT(amount), COUNT(DISTINCT service) FROM cost", [(2, 3, 2)]),
        ("SELECT LOGICAL_OR(amount > 1), LOGICAL_AND(amount > 1) FROM cost", [(True, False)]),
        ("SELECT ARRAY_AGG(service IGNORE NULLS ORDER BY amount DESC LIMIT 2) FROM cost", [(["run", "run"],)]),
        ("SELECT ANY_VALUE(service HAVING MAX amount) FROM cost", [("run",)]),
        ("SELECT STRING_AGG(DISTINCT service, '+' ORDER BY service) FROM cost", [("kms+run",)]),
        (
            (
                "SELECT day FROM cost QUALIFY ROW_NUMBER() OVER (PARTITION BY service ORDER BY day DESC) = 1"
                " AND service = 'run'"
            ),
            [(dt.date(2024, 1, 2),)],
        ),
        ("SELECT service, tag FROM cost, UNNEST(tags) AS tag ORDER BY tag", [("run", "a"), ("run", "b"), (None, "c")]),
        ("SELECT COUNT(*) FROM cost LEFT JOIN UNNEST(tags) AS tag", [(5,)]),
        ("SELECT COUNT(*) FROM cost AS c, c.tags AS tag", [(3,)]),
        ("SELECT tags FROM cost WHERE service = 'kms'", [([],)]),
        ("SELECT * EXCEPT (tags, amount) REPLACE ('x' AS service) FROM cost WHERE day = '2024-01-02'",
         [("x", dt.date(2024, 1, 2))]),
        ("WITH a AS (SELECT 1 AS k), b AS (SELECT 1 AS k, 2 AS v) SELECT * FROM a JOIN b USING (k)", [(1, 2)]),
        ("SELECT 1 AS x UNION ALL SELECT 2.5 ORDER BY x DESC", [(2.5,), (1.0,)]),
        ("SELECT SUM(n) FROM (SELECT COUNT(*) AS n FROM cost GROUP BY ROLLUP(service))", [(8,)]),
        ("SELECT c.service FROM cost AS c WHERE EXISTS(SELECT 1 FROM UNNEST(c.tags) AS t WHERE t = 'b')", [("run",)]),
    ],
)  # fmt: skip
def test_queries(spending: Warehouse, sql: str, answer: list[Any]) -> None:
    assert spending.rows(sql) == answer


def test_a_dry_run_returns_the_columns_and_runs_nothing(spending: Warehouse) -> None:
    from devcloud.bigquery.model import QueryRequest

    with spending.engine.session() as session:
        request = QueryRequest("SELECT amount, tags FROM d.cost", "judge", dry_run=True)
        result = spending.engine.run(request, session=session)
        deletion = spending.engine.run(
            QueryRequest("DELETE FROM d.cost WHERE TRUE", "judge", dry_run=True), session=session
        )
    assert [(f["name"], f["type"], f["mode"]) for f in result.schema] == [
        ("amount", "NUMERIC", "NULLABLE"),
        ("tags", "STRING", "REPEATED"),
    ]
    assert result.rows is None
    assert [str(ref) for ref in deletion.referenced_tables] == ["judge:d.cost"]
    assert spending.value("SELECT COUNT(*) FROM cost") == 4


@pytest.mark.parametrize(
    ("sql", "reason", "status", "message"),
    [
        ("SELECT missing FROM cost", "invalidQuery", 400, "Unrecognized name: missing at [1:8]"),
        ("SELECT * FROM nowhere", "notFound", 404, "Not found: Table judge:d.nowhere"),
        ("SELECT * FROM other.nowhere", "notFound", 404, "Not found: Dataset judge:other"),
        ("SELEC 1", "invalidQuery", 400, "Syntax error: Unexpected"),
        ("SELECT UNHEARD_OF(1)", "notImplemented", 501, "devcloud does not implement the function UNHEARD_OF"),
        ("SELECT CAST(1 AS BIGNUMERIC)", "notImplemented", 501, "devcloud does not implement the type BIGNUMERIC"),
        ("SELECT * FROM cost TABLESAMPLE SYSTEM (10 PERCENT)", "notImplemented", 501, "devcloud does not implement"),
        ("SELECT DATE '2024-01-02' - DATE '2024-01-01'", "notImplemented", 501, "implement DATE - DATE, an INTERVAL"),
        ("SELECT INSTR('abab', 'b', 1, 2)", "notImplemented", 501, "does not implement INSTR of an occurrence"),
        ("SELECT ROUND(2.5, 0, 'ROUND_HALF_EVEN')", "notImplemented", 501, "implement ROUND with a rounding mode"),
        ("IF TRUE THEN SELECT 1; END IF", "notImplemented", 501, "devcloud does not implement the statement IF"),
        ("SELECT 'a' + 1.5", "invalidQuery", 400, "No matching signature for operator +"),
        ("SELECT service, SUM(amount) FROM cost", "invalidQuery", 400, ""),
        ("SELECT 1 FROM cost WHERE amount", "invalidQuery", 400, "WHERE clause should return type BOOL"),
        ("SELECT (SELECT day FROM cost)", "invalidQuery", 400, "Scalar subquery produced more than one element"),
        ("SELECT [1, 2][OFFSET(5)]", "invalidQuery", 400, "Array index 5 is out of bounds"),
        ("SELECT @nothing", "invalidQuery", 400, "Query parameter 'nothing' not found"),
        ("SELECT TIMESTAMP('2024-01-01', 'Mars/Olympus')", "invalidQuery", 400, "Invalid time zone"),
    ],
)
def test_errors_have_bigquerys_reason_status_and_words(
    spending: Warehouse, sql: str, reason: str, status: int, message: str
) -> None:
    with pytest.raises(BigQueryError) as caught:
        spending.run(sql)
    assert (caught.value.reason, caught.value.status) == (reason, status)
    assert message in caught.value.message


def test_parameters_keep_their_types_and_nulls(warehouse: Warehouse) -> None:
    rows = ("ARRAY<STRUCT<id STRING, amount NUMERIC, at TIMESTAMP>>", [
        {"id": "a", "amount": "1.5", "at": "2024-01-01T00:00:00Z"},
        {"id": "b", "amount": None, "at": None},
    ])  # fmt: skip
    assert warehouse.rows("SELECT r.id, r.amount IS NULL, r.at FROM UNNEST(@rows) AS r ORDER BY id", rows=rows) == [
        ("a", False, dt.datetime(2024, 1, 1, tzinfo=_UTC)),
        ("b", True, None),
    ]
    assert warehouse.value("SELECT @none", none=("STRING", None)) is None
    assert warehouse.value("SELECT ARRAY_LENGTH(@empty)", empty=("ARRAY<INT64>", [])) == 0
    assert warehouse.value("SELECT @day = DATE '2024-01-01'", day=("STRING", "2024-01-01")) is True


def test_a_plan_is_bound_again_when_its_table_changes(warehouse: Warehouse) -> None:
    warehouse.run("CREATE TABLE t (a INT64)")
    assert warehouse.rows("SELECT * FROM t") == []
    warehouse.run("CREATE OR REPLACE TABLE t (b STRING, c INT64); INSERT INTO t VALUES ('x', 1)")
    assert warehouse.rows("SELECT * FROM t") == [("x", 1)]
