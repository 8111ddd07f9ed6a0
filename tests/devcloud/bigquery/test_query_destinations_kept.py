"""A query's rows are written to its destination unchanged, even if the query reads the table that it replaces."""

from __future__ import annotations

import pytest
from google.api_core.exceptions import BadRequest
from google.cloud import bigquery


def test_a_query_may_replace_the_table_that_it_reads(client: bigquery.Client, dataset: str) -> None:
    table = f"{client.project}.{dataset}.numbers"
    client.query_and_wait(f"CREATE TABLE `{table}` AS SELECT n AS number FROM UNNEST([1, 2, 3]) AS n")
    config = bigquery.QueryJobConfig(destination=table, write_disposition="WRITE_TRUNCATE")
    rows = client.query(f"SELECT number * 10 AS number FROM `{table}` WHERE number > 1", job_config=config).result()
    assert rows.total_rows == 2
    found = client.query_and_wait(f"SELECT number FROM `{table}` ORDER BY number")
    assert [row.number for row in found] == [20, 30]


def test_columns_without_a_name_parameters_and_every_type_are_written(client: bigquery.Client, dataset: str) -> None:
    table = f"{client.project}.{dataset}.kinds"
    parameters = [bigquery.ScalarQueryParameter("given", "STRING", "a'b")]
    config = bigquery.QueryJobConfig(destination=table, query_parameters=parameters)
    sql = (
        "SELECT @given, NUMERIC '0.1' AS money, [STRUCT(1 AS n)] AS items, JSON '{\"a\": 1}' AS document,"
        " CAST(NULL AS ARRAY<STRING>) AS nothing, TIMESTAMP '2025-11-16 10:00:00+00' AS moment, b'x' AS bytes_"
    )
    (written,) = client.query(sql, job_config=config).result()
    (read,) = client.query_and_wait(f"SELECT * FROM `{table}`")
    assert dict(written.items()) == dict(read.items())
    assert (read.f0_, read["items"], read.nothing, read.document) == ("a'b", [{"n": 1}], [], {"a": 1})


def test_an_array_with_a_null_element_is_refused_and_no_table_is_created(client: bigquery.Client, dataset: str) -> None:
    table = f"{client.project}.{dataset}.holes"
    job = client.query("SELECT 1 AS n, [1, NULL] AS holes", job_config=bigquery.QueryJobConfig(destination=table))
    with pytest.raises(BadRequest, match="Array cannot have a null element; error in writing field holes"):
        job.result()
    assert [found.table_id for found in client.list_tables(dataset) if found.table_id == "holes"] == []
