"""DML, DDL and scripts: their changes, row counts and refusals."""

from __future__ import annotations

import datetime as dt

import pytest

from devcloud.bigquery import catalog
from devcloud.bigquery.model import BigQueryError, TableRef
from tests.support.devcloud.warehouse import Warehouse


@pytest.fixture
def queue(warehouse: Warehouse) -> Warehouse:
    warehouse.run("CREATE TABLE queue (id STRING NOT NULL, state STRING, tries INT64)")
    warehouse.run("INSERT INTO queue VALUES ('a', 'QUEUED', 0), ('b', 'QUEUED', 1), ('c', 'RUNNING', 2)")
    return warehouse


def states(warehouse: Warehouse) -> dict[str, str]:
    return dict(warehouse.rows("SELECT id, state FROM queue"))


def test_update_counts_the_rows_it_touched(queue: Warehouse) -> None:
    result = queue.run("UPDATE queue SET state = 'DONE', tries = tries + 1 WHERE state = 'QUEUED'")
    assert (result.statement_type, result.dml_affected_rows) == ("UPDATE", 2)
    assert result.dml_stats == {"insertedRowCount": "0", "updatedRowCount": "2", "deletedRowCount": "0"}
    assert str(result.written_table) == "judge:d.queue"


@pytest.mark.parametrize("sql", ["UPDATE queue SET state = 'x'", "DELETE FROM queue"])
def test_dml_without_where_is_refused(queue: Warehouse, sql: str) -> None:
    with pytest.raises(BigQueryError, match="must have a WHERE clause"):
        queue.run(sql)


def test_update_sets_a_column_to_the_result_of_a_comparison(queue: Warehouse) -> None:
    queue.run("ALTER TABLE queue ADD COLUMN is_new BOOL")
    queue.run("UPDATE queue SET is_new = tries > 0 WHERE TRUE")
    assert dict(queue.rows("SELECT id, is_new FROM queue")) == {"a": False, "b": True, "c": True}
    queue.run("UPDATE queue SET is_new = state = 'RUNNING' WHERE TRUE")
    assert dict(queue.rows("SELECT id, is_new FROM queue")) == {"a": False, "b": False, "c": True}


def test_update_from_an_array_of_structs(queue: Warehouse) -> None:
    decisions = ("ARRAY<STRUCT<id STRING, state STRING>>", [{"id": "a", "state": "X"}, {"id": "c", "state": None}])
    result = queue.run(
        "UPDATE queue AS q SET state = d.state FROM UNNEST(@decisions) AS d WHERE q.id = d.id", decisions=decisions
    )
    assert result.dml_affected_rows == 2
    assert states(queue) == {"a": "X", "b": "QUEUED", "c": None}


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE queue SET state = 'x' FROM UNNEST([1, 2]) AS n WHERE id = 'a'",
        "MERGE queue USING UNNEST(['a', 'a']) AS s ON id = s WHEN MATCHED THEN DELETE",
        "MERGE queue USING UNNEST(['a', 'a']) AS s ON id = s WHEN MATCHED THEN UPDATE SET state = 'x'",
    ],
)
def test_two_source_rows_for_one_target_row_are_refused(queue: Warehouse, sql: str) -> None:
    with pytest.raises(BigQueryError, match="UPDATE/MERGE must match at most one source row for each target row"):
        queue.run(sql)
    assert states(queue) == {"a": "QUEUED", "b": "QUEUED", "c": "RUNNING"}


def test_merge_applies_its_clauses_in_order(queue: Warehouse) -> None:
    result = queue.run(
        "MERGE INTO queue AS q USING (SELECT 'a' AS id UNION ALL SELECT 'z') AS s ON q.id = s.id"
        " WHEN MATCHED AND q.tries > 5 THEN DELETE WHEN MATCHED THEN UPDATE SET state = 'HIT'"
        " WHEN NOT MATCHED THEN INSERT (id, state) VALUES (s.id, 'NEW')"
        " WHEN NOT MATCHED BY SOURCE AND q.state = 'RUNNING' THEN DELETE"
    )
    assert states(queue) == {"a": "HIT", "b": "QUEUED", "z": "NEW"}
    assert result.dml_affected_rows == 3
    assert result.dml_stats == {"insertedRowCount": "1", "updatedRowCount": "1", "deletedRowCount": "1"}


def test_truncate_empties_the_table(queue: Warehouse) -> None:
    assert queue.run("TRUNCATE TABLE queue").dml_affected_rows == 3
    assert states(queue) == {}


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("INSERT INTO queue (state) VALUES ('x')", "Required field id cannot be null"),
        ("INSERT INTO queue (id, state) VALUES ('x')", "wrong column count; Has 1, expected 2"),
        ("INSERT INTO queue (id, tries) VALUES ('x', 'many')", "which cannot be inserted into column tries"),
        ("INSERT INTO queue (id, nope) VALUES ('x', 1)", "Column nope is not present in table"),
        ("UPDATE queue SET nope = 1 WHERE TRUE", "Column nope is not present in table"),
    ],
)
def test_wrong_rows_are_refused(queue: Warehouse, sql: str, message: str) -> None:
    with pytest.raises(BigQueryError) as caught:
        queue.run(sql)
    assert caught.value.reason == "invalidQuery"
    assert message in caught.value.message


def test_a_script_applies_decisions_from_one_json_parameter(queue: Warehouse) -> None:
    script = """
    CREATE TEMP TABLE decision AS
    SELECT JSON_VALUE(d, '$.id') AS id, JSON_VALUE(d, '$.state') AS state,
      SAFE_CAST(JSON_VALUE(d, '$.tries') AS INT64) AS tries
    FROM UNNEST(JSON_QUERY_ARRAY(@decisions)) AS d;
    BEGIN TRANSACTION;
    UPDATE queue AS q SET state = d.state, tries = COALESCE(d.tries, q.tries) FROM decision AS d WHERE q.id = d.id;
    ASSERT @@row_count = 2 AS 'two rows move';
    INSERT INTO queue (id, state) SELECT CONCAT(id, '2'), 'COPY' FROM decision WHERE tries IS NOT NULL;
    COMMIT TRANSACTION;
    SELECT id FROM decision ORDER BY id DESC;
    """
    decisions = ("STRING", '[{"id": "a", "state": "DONE", "tries": 7}, {"id": "b", "state": "GONE"}]')
    result = queue.run(script, decisions=decisions)
    assert result.statement_type == "SCRIPT"
    assert result.rows is not None
    assert result.rows["id"].to_pylist() == ["b", "a"]
    assert [child.statement_type for child in result.children] == [
        "CREATE_TABLE_AS_SELECT", "BEGIN_TRANSACTION", "UPDATE", "ASSERT", "INSERT", "COMMIT_TRANSACTION", "SELECT",
    ]  # fmt: skip
    assert [child.dml_affected_rows for child in result.children if child.dml_affected_rows is not None] == [2, 1]
    assert states(queue) == {"a": "DONE", "b": "GONE", "c": "RUNNING", "a2": "COPY"}


def test_script_variables_hold_values_of_their_type(queue: Warehouse) -> None:
    script = """
    DECLARE day DATE DEFAULT DATE '2024-01-31';
    DECLARE total, other NUMERIC;
    SET total = (SELECT CAST(SUM(tries) AS NUMERIC) / 2 FROM queue);
    SET (other, day) = (1, DATE_ADD(day, INTERVAL 1 DAY));
    SELECT total, other, day, @p AS p;
    """
    [(total, other, day, given)] = queue.rows(script, p=("INT64", 5))
    assert (str(total), str(other), day, given) == ("1.500000000", "1.000000000", dt.date(2024, 2, 1), 5)


def test_ddl_keeps_partitioning_clustering_and_options_as_metadata(warehouse: Warehouse) -> None:
    warehouse.run(
        "CREATE TABLE t (ts TIMESTAMP, a STRING OPTIONS (description = 'x')) PARTITION BY TIMESTAMP_TRUNC(ts, MONTH)"
        " CLUSTER BY a OPTIONS (description = 'd', labels = [('k', 'v')], partition_expiration_days = 2)"
    )
    warehouse.run("ALTER TABLE t ADD COLUMN IF NOT EXISTS b INT64, ADD COLUMN c ARRAY<STRING>")
    table = catalog.get_table(warehouse.database, TableRef("judge", "d", "t"))
    assert table["timePartitioning"] == {"type": "MONTH", "field": "ts", "expirationMs": "172800000"}
    assert table["clustering"] == {"fields": ["a"]}
    assert (table["description"], table["labels"]) == ("d", {"k": "v"})
    assert [(f["name"], f["mode"]) for f in table["schema"]["fields"]][2:] == [("b", "NULLABLE"), ("c", "REPEATED")]
    assert table["schema"]["fields"][1]["description"] == "x"


def test_create_and_drop_report_what_they_did(warehouse: Warehouse) -> None:
    create = "CREATE TABLE IF NOT EXISTS t AS SELECT 1 AS a"
    assert [warehouse.run(create).ddl_operation for _ in range(2)] == ["CREATE", "SKIP"]
    assert warehouse.run("CREATE OR REPLACE TABLE t AS SELECT 2 AS a").ddl_operation == "REPLACE"
    with pytest.raises(BigQueryError) as caught:
        warehouse.run("CREATE TABLE t (a INT64)")
    assert (caught.value.reason, caught.value.status) == ("duplicate", 409)
    assert warehouse.run("DROP TABLE IF EXISTS t").ddl_operation == "DROP"
    assert warehouse.run("DROP TABLE IF EXISTS t").ddl_operation == "SKIP"


def test_ingestion_time_partitions_have_hidden_pseudo_columns(warehouse: Warehouse) -> None:
    warehouse.run("CREATE TABLE export (v INT64) PARTITION BY _PARTITIONDATE")
    warehouse.run(
        "INSERT INTO export (_PARTITIONTIME, v) VALUES (TIMESTAMP '2024-01-02', 1), (TIMESTAMP '2024-01-03', 2)"
    )
    assert warehouse.rows("SELECT * FROM export WHERE _PARTITIONTIME >= '2024-01-03'") == [(2,)]
    assert warehouse.rows("SELECT _PARTITIONDATE AS day FROM export ORDER BY day LIMIT 1") == [(dt.date(2024, 1, 2),)]


def test_every_named_table_is_authorized_before_it_is_touched(queue: Warehouse) -> None:
    from devcloud.bigquery.model import QueryRequest

    asked: list[tuple[str, bool]] = []

    def authorize(ref: TableRef, writes: bool) -> None:
        asked.append((str(ref), writes))
        if writes:
            raise BigQueryError("accessDenied", "no", status=403)

    with queue.engine.session() as session, pytest.raises(BigQueryError, match="no"):
        queue.engine.run(QueryRequest("DELETE FROM d.queue WHERE TRUE", "judge", authorize=authorize), session=session)
    assert asked == [("judge:d.queue", False), ("judge:d.queue", True)]
    assert len(states(queue)) == 3
