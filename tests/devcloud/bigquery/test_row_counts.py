"""The bytes that a query reports follow every change of the rows."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from google.cloud import bigquery
from google.cloud.bigquery import SchemaField

from devcloud.bigquery.columns import physical_name
from devcloud.bigquery.model import TableRef
from devcloud.bigquery.row_counts import RowCounts
from tests.devcloud.bigquery.conftest import PLATFORM

_ROW_BYTES = 8  # of one INT64
REF = TableRef("p", "d", "t")


def _read(client: bigquery.Client, table: str) -> int:
    """The number of rows that a query reads. Its dry run must report the same."""
    dry = client.query(f"SELECT n FROM {table}", bigquery.QueryJobConfig(dry_run=True))
    done = client.query(f"SELECT n FROM {table}", bigquery.QueryJobConfig(maximum_bytes_billed=10**12))
    done.result()
    assert dry.total_bytes_processed == done.total_bytes_processed
    return int(dry.total_bytes_processed or 0) // _ROW_BYTES


def _load(client: bigquery.Client, table: str, rows: int, write: str) -> None:
    file = io.BytesIO()
    pq.write_table(pa.table({"n": list(range(rows))}), file)
    file.seek(0)
    config = bigquery.LoadJobConfig(source_format="PARQUET", write_disposition=write)
    client.load_table_from_file(file, table, job_config=config).result()


def _made_anew(client: bigquery.Client, table: str) -> None:
    client.delete_table(table)
    client.create_table(bigquery.Table(f"{PLATFORM}.{table}", schema=[SchemaField("n", "INT64")]))


CHANGES: dict[str, tuple[Callable[[bigquery.Client, str], object], int]] = {
    "inserted": (lambda client, table: client.query_and_wait(f"INSERT INTO {table} (n) VALUES (7), (8)"), 5),
    "deleted": (lambda client, table: client.query_and_wait(f"DELETE FROM {table} WHERE n = 1"), 2),
    "truncated": (lambda client, table: client.query_and_wait(f"TRUNCATE TABLE {table}"), 0),
    "streamed": (lambda client, table: client.insert_rows_json(table, [{"n": 7}]), 4),
    "appended": (lambda client, table: _load(client, table, 10, "WRITE_APPEND"), 13),
    "overwritten": (lambda client, table: _load(client, table, 10, "WRITE_TRUNCATE"), 10),
    "replaced": (
        lambda client, table: client.query_and_wait(f"CREATE OR REPLACE TABLE {table} AS SELECT 1 AS n"),
        1,
    ),
    "made anew": (_made_anew, 0),
    "in a transaction": (
        lambda client, table: client.query_and_wait(
            f"BEGIN TRANSACTION; INSERT INTO {table} (n) VALUES (7); DELETE FROM {table} WHERE n < 2;"
            " COMMIT TRANSACTION"
        ),
        2,
    ),
    "rolled back": (
        lambda client, table: client.query_and_wait(
            f"BEGIN TRANSACTION; INSERT INTO {table} (n) VALUES (7); ROLLBACK TRANSACTION"
        ),
        3,
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_bytes_of_a_query_follow_every_change(client: bigquery.Client, dataset: str, change: str) -> None:
    table, (act, rows) = f"{dataset}.t", CHANGES[change]
    _load(client, table, 3, "WRITE_EMPTY")
    assert _read(client, table) == 3
    act(client, table)
    assert _read(client, table) == rows


def test_the_bytes_of_a_script_include_its_own_changes(client: bigquery.Client, dataset: str) -> None:
    table = f"{dataset}.t"
    _load(client, table, 3, "WRITE_EMPTY")
    assert _read(client, table) == 3
    script = f"BEGIN TRANSACTION; INSERT INTO {table} (n) VALUES (7); SELECT n FROM {table}; COMMIT TRANSACTION"
    job = client.query(script)
    job.result()
    assert job.total_bytes_processed == 4 * _ROW_BYTES


@pytest.fixture
def table_of_one() -> Iterator[duckdb.DuckDBPyConnection]:
    """A database in which REF has one row."""
    with duckdb.connect() as database:
        schema = physical_name(REF).rpartition(".")[0]
        database.execute(f"CREATE SCHEMA {schema}; CREATE TABLE {physical_name(REF)} AS SELECT 1 AS n")
        yield database


def test_a_count_is_not_kept_if_rows_changed_meanwhile(table_of_one: duckdb.DuckDBPyConnection) -> None:
    counts, since = RowCounts(), 0
    with counts.changing([(REF, 1)]):
        pass
    assert counts.get(table_of_one, REF, "then", since=since) == 1
    assert counts.known(REF, "then", since=counts.clock()) is None


def test_a_count_is_not_kept_while_a_commit_is_under_way(table_of_one: duckdb.DuckDBPyConnection) -> None:
    counts = RowCounts()
    with counts.changing([(REF, 1)]):
        assert counts.get(table_of_one, REF, "then", since=counts.clock()) == 1
    assert counts.known(REF, "then", since=counts.clock()) is None


def test_a_count_follows_the_commits_and_belongs_to_one_table(table_of_one: duckdb.DuckDBPyConnection) -> None:
    counts = RowCounts()
    before = counts.clock()
    assert counts.get(table_of_one, REF, "then", since=before) == 1
    with counts.changing([(REF, 5), (REF, -2)]):
        pass
    assert counts.known(REF, "then", since=counts.clock()) == 4
    assert counts.known(REF, "then", since=before) is None, "an older snapshot has fewer rows"
    assert counts.get(table_of_one, REF, "later", since=counts.clock()) == 1


def test_a_commit_that_fails_leaves_no_count(table_of_one: duckdb.DuckDBPyConnection) -> None:
    counts = RowCounts()
    assert counts.get(table_of_one, REF, "then", since=counts.clock()) == 1
    with pytest.raises(duckdb.Error), counts.changing([(REF, 5)]):
        table_of_one.execute("COMMIT")
    assert counts.known(REF, "then", since=counts.clock()) is None
