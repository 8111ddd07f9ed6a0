"""GoogleSQL that devcloud does not implement is refused by name before any statement of the script runs."""

from __future__ import annotations

import pytest

from devcloud.bigquery.model import BigQueryError
from tests.support.devcloud.warehouse import Warehouse

LATER = [
    "CREATE TABLE n CLONE m",
    "CREATE TABLE n COPY m",
    "CREATE SNAPSHOT TABLE n CLONE m",
    "DROP SNAPSHOT TABLE n",
    "CREATE EXTERNAL TABLE n OPTIONS (format = 'CSV', uris = ['gs://b/o'])",
    "CREATE MATERIALIZED VIEW n AS SELECT k FROM m",
    "CREATE VIEW n (x OPTIONS (description = 'd'), y) AS SELECT 1, 2",
    "CREATE TEMP VIEW n AS SELECT 1 AS x",
    "CREATE TEMP FUNCTION f(x INT64) AS (x + 1)",
    "CREATE OR REPLACE PROCEDURE p() BEGIN SELECT 1; END",
    "CREATE ROW ACCESS POLICY p ON m GRANT TO ('x') FILTER USING (TRUE)",
    "DROP ALL ROW ACCESS POLICIES ON m",
    "CREATE SEARCH INDEX i ON m(ALL COLUMNS)",
    "ALTER TABLE m ALTER COLUMN k SET OPTIONS (description = 'd')",
    "ALTER TABLE m RENAME TO n",
    "ALTER TABLE m DROP COLUMN k",
    "ALTER TABLE m ADD PRIMARY KEY (k) NOT ENFORCED",
    "ALTER SCHEMA d SET OPTIONS (description = 'd')",
    "block: BEGIN SELECT 1; END block",
    "IF TRUE THEN SELECT 1; END IF",
    "EXECUTE IMMEDIATE 'SELECT 1'",
    "CALL p()",
    "LOAD DATA INTO n FROM FILES (uris = ['gs://b/o'], format = 'CSV')",
    "EXPORT DATA OPTIONS (uri = 'gs://b/o') AS SELECT 1",
    "SET @@time_zone = 'UTC'",
    "FROM m |> WHERE k > 0",
    "SELECT * FROM ML.PREDICT(MODEL d.x, TABLE m)",
    "SELECT * FROM d.__TABLES__",
    "SELECT * FROM `d.m@-1000`",
    "SELECT * FROM m FOR SYSTEM_TIME AS OF CURRENT_TIMESTAMP()",
    "SELECT ddl FROM d.INFORMATION_SCHEMA.TABLES",
    "SELECT c.column_default FROM d.INFORMATION_SCHEMA.COLUMNS AS c",
    "SELECT SUBSTR(b'ab', 2)",
    "SELECT STARTS_WITH(b'ab', b'a')",
    "SELECT b'a' LIKE b'a'",
    "SELECT GEOGRAPHY 'POINT(0 0)'",
    "SELECT CAST('a' AS STRING(1))",
    "CREATE TABLE n (a STRING(2))",
    "CREATE TABLE n (a NUMERIC(3, 1))",
    "CREATE TABLE n (a INT64, PRIMARY KEY (a) NOT ENFORCED)",
    "CREATE TABLE n (a INT64 DEFAULT 1)",
]


@pytest.mark.parametrize("statement", LATER)
def test_statement_is_refused_by_name_and_a_script_with_it_changes_nothing(
    warehouse: Warehouse, statement: str
) -> None:
    warehouse.run("CREATE TABLE m (k INT64)")
    warehouse.run("INSERT INTO m VALUES (1)")
    for sql in (statement, f"DELETE FROM m WHERE TRUE; CREATE TABLE made (x INT64); {statement}"):
        with pytest.raises(BigQueryError, match="devcloud does not implement") as refused:
            warehouse.run(sql)
        assert (refused.value.reason, refused.value.status) == ("notImplemented", 501)
    assert warehouse.rows("SELECT k FROM m") == [(1,)]
    assert warehouse.rows("SELECT table_name FROM d.INFORMATION_SCHEMA.TABLES") == [("m",)]


@pytest.mark.parametrize(
    "script",
    [
        "CREATE TABLE made (a INT64); INSERT INTO made VALUES (1); ALTER TABLE made RENAME TO other",
        "CREATE TABLE made AS SELECT 1 AS a; SELECT ST_GEOGPOINT(a, a) FROM made",
        "CREATE TEMP TABLE t AS SELECT 1 AS a; CREATE TABLE made AS SELECT a FROM t; SELECT SOUNDEX(a) FROM t",
        "DECLARE x INT64 DEFAULT 3; CREATE TABLE made AS SELECT x AS a; SELECT NET.HOST(CAST(x AS STRING))",
        "DECLARE x INT64; SET x = (SELECT 1); CREATE TABLE made AS SELECT x AS a; SET x = KEYS.NEW_KEYSET('A')",
        "CREATE TABLE made (a INT64); ALTER TABLE made ADD COLUMN b STRING; SELECT SOUNDEX(b) FROM made",
        "CREATE TABLE made (a INT64); ASSERT (SELECT SOUNDEX('a')) = 'A000' AS 'no'",
    ],
)
def test_script_is_checked_with_the_tables_and_variables_that_it_creates(warehouse: Warehouse, script: str) -> None:
    for _ in range(2):
        with pytest.raises(BigQueryError, match="devcloud does not implement"):
            warehouse.run(script)
    assert warehouse.rows("SELECT table_name FROM d.INFORMATION_SCHEMA.TABLES") == []


def test_error_at_run_time_keeps_the_effect_of_earlier_statements(warehouse: Warehouse) -> None:
    warehouse.run("CREATE TABLE m (k INT64)")
    with pytest.raises(BigQueryError, match="Unrecognized name: nope"):
        warehouse.run("INSERT INTO m VALUES (1); SELECT nope FROM m")
    assert warehouse.rows("SELECT k FROM m") == [(1,)]


def test_script_may_use_tables_that_it_creates(warehouse: Warehouse) -> None:
    script = """
    DECLARE low INT64 DEFAULT 2;
    CREATE TABLE made (a INT64);
    INSERT INTO made VALUES (1), (3);
    ALTER TABLE made ADD COLUMN b STRING;
    CREATE TEMP TABLE chosen AS SELECT a FROM made WHERE a >= low;
    UPDATE made SET b = 'chosen' FROM chosen WHERE made.a = chosen.a;
    SET (low) = (SELECT AS STRUCT MAX(a) FROM chosen);
    SELECT a, b, low FROM made ORDER BY a;
    """
    assert warehouse.rows(script) == [(1, None, 3), (3, "chosen", 3)]


def test_alter_table_without_options_changes_nothing(warehouse: Warehouse) -> None:
    warehouse.run("CREATE TABLE m (k INT64)")
    assert warehouse.run("ALTER TABLE m SET OPTIONS ()").statement_type == "ALTER_TABLE"


@pytest.mark.parametrize(
    "sql", ["ALTER GARBAGE", "CREATE GARBAGE x", "SELECT FROM WHERE", "SELEC 1", "SELECT 1 = 2 = TRUE"]
)
def test_text_that_is_not_sql_is_a_syntax_error(warehouse: Warehouse, sql: str) -> None:
    with pytest.raises(BigQueryError, match="Syntax error"):
        warehouse.run(sql)
