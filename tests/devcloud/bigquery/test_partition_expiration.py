"""Expired partitions have no rows, in every way of reading the table."""

from __future__ import annotations

import pytest
from google.api_core import exceptions
from google.cloud import bigquery

from tests.devcloud.bigquery.conftest import PLATFORM

FORMS = {
    "DATE": ("d DATE", "d", "DATE '2020-01-01'", "CURRENT_DATE()"),
    "TIMESTAMP": ("d TIMESTAMP", "TIMESTAMP_TRUNC(d, MONTH)", "TIMESTAMP '2020-01-01'", "CURRENT_TIMESTAMP()"),
    "DATETIME": ("d DATETIME", "DATETIME_TRUNC(d, HOUR)", "DATETIME '2020-01-01 00:00:00'", "CURRENT_DATETIME()"),
}


@pytest.mark.parametrize("kind", FORMS)
def test_rows_of_expired_partitions_are_gone(client: bigquery.Client, dataset: str, kind: str) -> None:
    column, by, old, new = FORMS[kind]
    table = f"{dataset}.t"
    client.query_and_wait(
        f"CREATE TABLE {table} (n INT64, {column}) PARTITION BY {by} OPTIONS (partition_expiration_days = 1)"
    )
    client.query_and_wait(f"INSERT INTO {table} VALUES (1, {old}), (2, {new}), (3, NULL)")
    assert [row.n for row in client.query_and_wait(f"SELECT n FROM {table} ORDER BY n")] == [2, 3]
    assert [row.n for row in client.query_and_wait(f"SELECT n FROM {dataset}.`t*` ORDER BY n")] == [2, 3]
    assert sorted(row.n for row in client.list_rows(client.get_table(table))) == [2, 3]
    assert client.get_table(table).num_rows == 2
    client.copy_table(table, f"{PLATFORM}.{dataset}.copied").result()
    assert client.get_table(f"{dataset}.copied").num_rows == 2
    for source, when in (("[1, 2]", "MATCHED"), ("[2]", "NOT MATCHED BY SOURCE")):
        merge = f"MERGE {table} AS t USING UNNEST({source}) AS n ON t.n = n WHEN {when} THEN UPDATE SET n = t.n"
        assert client.query_and_wait(merge).num_dml_affected_rows == 1
    assert client.query_and_wait(f"UPDATE {table} SET n = n + 10 WHERE TRUE").num_dml_affected_rows == 2
    assert client.query_and_wait(f"DELETE FROM {table} WHERE n > 0").num_dml_affected_rows == 2


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE {table} SET n = 2 WHERE n = 1",
        "DELETE FROM {table} WHERE TRUE",
        "MERGE {table} AS t USING (SELECT 1 AS n) AS s ON t.n = s.n WHEN MATCHED THEN DELETE",
        "INSERT INTO {table} SELECT n, d FROM {table}",
    ],
)
def test_writing_statement_must_name_partitions_if_the_table_requires_it(
    client: bigquery.Client, dataset: str, sql: str
) -> None:
    table = f"{dataset}.t"
    options = "OPTIONS (require_partition_filter = TRUE)"
    client.query_and_wait(f"CREATE TABLE {table} (n INT64, d DATE) PARTITION BY d {options}")
    client.query_and_wait(f"INSERT INTO {table} VALUES (1, DATE '2026-01-02')")
    with pytest.raises(exceptions.BadRequest, match="without a filter over column"):
        client.query_and_wait(sql.format(table=table))
    client.query_and_wait(f"UPDATE {table} SET n = 5 WHERE d = '2026-01-02'")
    client.query_and_wait(
        f"MERGE {table} AS t USING (SELECT 5 AS n) AS s ON t.n = s.n AND t.d = '2026-01-02' "
        "WHEN MATCHED THEN UPDATE SET n = 6"
    )
    assert client.query_and_wait(f"DELETE FROM {table} WHERE d = '2026-01-02' AND n = 6").num_dml_affected_rows == 1
