from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import grpc
import pyarrow as pa
import pytest
from google.api_core import exceptions
from google.cloud import bigquery
from google.cloud.bigquery import SchemaField
from google.cloud.bigquery_storage_v1 import BigQueryReadClient, types
from google.cloud.bigquery_storage_v1.services.big_query_read.transports import BigQueryReadGrpcTransport

from devcloud.bigquery.service import BigQuery
from devcloud.identity import Identity
from devcloud.identity.credentials import credentials_of
from tests.devcloud.bigquery.conftest import PLATFORM, ClientOf

SCHEMA = [
    SchemaField("n", "INT64"),
    SchemaField("cost", "NUMERIC"),
    SchemaField("at", "TIMESTAMP"),
    SchemaField("labels", "RECORD", mode="REPEATED", fields=[SchemaField("key", "STRING")]),
]
ReaderOf = Callable[..., BigQueryReadClient]
# BigQuery's own client reads batches by the method that its warning advises against.
of_the_client = pytest.mark.filterwarnings("ignore:Retrieving Arrow record batches directly:PendingDeprecationWarning")


@pytest.fixture
def reader_of(service: BigQuery, identity: Identity, state_dir: Any) -> Iterator[ReaderOf]:
    channels: list[grpc.Channel] = []

    def reader(project: str = PLATFORM, account: str = "cvg-worker") -> BigQueryReadClient:
        key = identity.mint_key(project, account)
        credentials = credentials_of(key, self_signed=True)
        authority = (state_dir / "tls" / "ca.pem").read_bytes()
        transport = BigQueryReadGrpcTransport(
            host=service.storage_address,
            credentials=credentials,
            ssl_channel_credentials=grpc.ssl_channel_credentials(authority),
        )
        channels.append(transport.grpc_channel)
        return BigQueryReadClient(transport=transport)  # type: ignore[no-untyped-call]

    yield reader
    for channel in channels:
        channel.close()


@pytest.fixture
def table(client: bigquery.Client, dataset: str) -> str:
    name = f"{PLATFORM}.{dataset}.t"
    client.create_table(bigquery.Table(name, schema=SCHEMA))
    rows = [
        {"n": n, "cost": f"0.{n}", "at": f"2026-09-{n + 1:02} 07:00:00 UTC", "labels": [{"key": "k"}]} for n in range(5)
    ]
    client.insert_rows_json(name, rows)
    return name


def _path(table: str) -> str:
    project, dataset, name = table.split(".")
    return f"projects/{project}/datasets/{dataset}/tables/{name}"


def _session(
    reader: BigQueryReadClient, table: str, *, at: dt.datetime | None = None, **options: Any
) -> types.ReadSession:
    asked = types.ReadSession(table=_path(table), data_format=types.DataFormat.ARROW, read_options=options)
    if at is not None:
        asked.table_modifiers = types.ReadSession.TableModifiers(snapshot_time=at)
    return reader.create_read_session(parent=f"projects/{PLATFORM}", read_session=asked, max_stream_count=1)


def _numbers(reader: BigQueryReadClient, session: types.ReadSession, offset: int = 0) -> list[int]:
    return [row["n"] for row in _arrow(reader, session, offset).to_pylist()]


def _arrow(reader: Any, session: types.ReadSession, offset: int = 0) -> pa.Table:
    schema = pa.ipc.read_schema(pa.py_buffer(session.arrow_schema.serialized_schema))
    answers = reader.read_rows(session.streams[0].name, offset=offset)
    batches = [answer.arrow_record_batch.serialized_record_batch for answer in answers]
    return pa.Table.from_batches([pa.ipc.read_record_batch(batch, schema) for batch in batches], schema=schema)


@of_the_client
def test_a_table_is_streamed_in_arrow(client: bigquery.Client, reader_of: ReaderOf, table: str) -> None:
    arrow = client.list_rows(client.get_table(table)).to_arrow(bqstorage_client=reader_of())
    assert arrow.to_pylist()[1] == {
        "n": 1,
        "cost": Decimal("0.1"),
        "at": dt.datetime(2026, 9, 2, 7, tzinfo=dt.UTC),
        "labels": [{"key": "k"}],
    }
    assert arrow.num_rows == 5


def test_fields_and_rows_are_selected(reader_of: ReaderOf, table: str) -> None:
    reader = reader_of()
    session = _session(
        reader, table, selected_fields=["n"], row_restriction='at >= "2026-09-03" AND n IN (2, 3) AND cost IS NOT NULL'
    )
    assert _numbers(reader, session) == [2, 3]
    empty = _session(reader, table, row_restriction="n > 100")
    assert _arrow(reader, empty).num_rows == 0


def test_a_stream_is_resumed_at_an_offset(reader_of: ReaderOf, table: str) -> None:
    reader = reader_of()
    assert _numbers(reader, _session(reader, table), offset=3) == [3, 4]


def test_a_session_keeps_its_rows_while_new_rows_are_loaded(
    client: bigquery.Client, reader_of: ReaderOf, table: str
) -> None:
    reader = reader_of()
    session = _session(reader, table)
    client.insert_rows_json(table, [{"n": 99}])
    assert _numbers(reader, session) == [0, 1, 2, 3, 4]


def test_a_snapshot_of_the_past_lacks_later_rows(client: bigquery.Client, reader_of: ReaderOf, table: str) -> None:
    reader = reader_of()
    moment = dt.datetime.now(dt.UTC)
    client.insert_rows_json(table, [{"n": 99}])
    assert _numbers(reader, _session(reader, table, at=moment)) == [0, 1, 2, 3, 4]
    assert _numbers(reader, _session(reader, table, at=dt.datetime.now(dt.UTC)))[-1] == 99
    with pytest.raises(exceptions.InvalidArgument, match="Cannot read before"):
        _session(reader, table, at=moment - dt.timedelta(hours=1))


def test_partitions_of_arrival_can_be_selected(client: bigquery.Client, reader_of: ReaderOf, dataset: str) -> None:
    name = f"{PLATFORM}.{dataset}.export"
    export = bigquery.Table(name, schema=SCHEMA)
    export.time_partitioning = bigquery.TimePartitioning()
    client.create_table(export)
    reader = reader_of()
    for n, day in enumerate(("20260901", "20260902")):
        config = bigquery.LoadJobConfig(source_format="NEWLINE_DELIMITED_JSON")
        client.load_table_from_json([{"n": n}], f"{name}${day}", job_config=config).result()
    session = _session(reader, name, row_restriction="_PARTITIONTIME >= '2026-09-02'")
    assert _numbers(reader, session) == [1]
    session = _session(reader, name, row_restriction="_PARTITIONDATE = '2026-09-01'")
    assert _numbers(reader, session) == [0]


def test_accounts_of_other_projects_are_refused(client_of: ClientOf, reader_of: ReaderOf, table: str) -> None:
    stranger = reader_of("tenant-project", "exporter")
    with pytest.raises(exceptions.PermissionDenied):
        _session(stranger, table)
    asked = types.ReadSession(table=_path(table), data_format=types.DataFormat.ARROW)
    with pytest.raises(exceptions.PermissionDenied):
        stranger.create_read_session(parent="projects/tenant-project", read_session=asked)
    session = _session(reader_of(), table)
    with pytest.raises(exceptions.NotFound):
        _arrow(stranger, session)


def test_a_table_that_cannot_be_read_is_an_error_with_the_reason(reader_of: ReaderOf, dataset: str, table: str) -> None:
    reader = reader_of()
    with pytest.raises(exceptions.NotFound, match="Not found: Table"):
        _session(reader, f"{PLATFORM}.{dataset}.none")
    with pytest.raises(exceptions.InvalidArgument, match="do not exist"):
        _session(reader, table, selected_fields=["nope"])
    asked = types.ReadSession(table=_path(table), data_format=types.DataFormat.AVRO)
    with pytest.raises(exceptions.MethodNotImplemented, match="ARROW"):
        reader.create_read_session(parent=f"projects/{PLATFORM}", read_session=asked)


def test_a_snapshot_from_before_a_rewrite_is_refused_by_name(
    client: bigquery.Client, reader_of: ReaderOf, table: str
) -> None:
    reader = reader_of()
    before = dt.datetime.now(dt.UTC)
    client.query_and_wait(f"DELETE FROM `{table}` WHERE n = 2")
    after = dt.datetime.now(dt.UTC)
    client.query_and_wait(f"INSERT INTO `{table}` (n) VALUES (7), (8)")
    with pytest.raises(exceptions.MethodNotImplemented, match="snapshots from before an UPDATE, DELETE"):
        _session(reader, table, at=before)
    assert _numbers(reader, _session(reader, table, at=after)) == [0, 1, 3, 4]
    assert _numbers(reader, _session(reader, table)) == [0, 1, 3, 4, 7, 8]


def test_a_view_cannot_be_read(client: bigquery.Client, reader_of: ReaderOf, dataset: str, table: str) -> None:
    view = bigquery.Table(f"{PLATFORM}.{dataset}.v")
    view.view_query = f"SELECT n FROM `{table}`"
    client.create_table(view)
    with pytest.raises(exceptions.InvalidArgument, match="VIEW cannot be read"):
        _session(reader_of(), f"{PLATFORM}.{dataset}.v")


@of_the_client
def test_a_query_result_is_streamed_too(client: bigquery.Client, reader_of: ReaderOf, table: str) -> None:
    rows = client.query(f"SELECT n, labels FROM `{table}` ORDER BY n DESC").result()
    assert rows.to_arrow(bqstorage_client=reader_of()).column("n").to_pylist() == [4, 3, 2, 1, 0]


@of_the_client
def test_arrow_fields_without_an_own_type_name_bigquerys_type(
    client: bigquery.Client, dataset: str, reader_of: ReaderOf
) -> None:
    sql = f"CREATE TABLE {dataset}.t AS SELECT DATETIME '2026-01-02 03:04:05' AS at, JSON '1' AS j, 1 AS n"
    client.query_and_wait(sql)
    found = client.list_rows(client.get_table(f"{dataset}.t")).to_arrow(bqstorage_client=reader_of())
    assert [found.schema.field(name).metadata for name in ("at", "j", "n")] == [
        {b"ARROW:extension:name": b"google:sqlType:datetime"},
        {b"ARROW:extension:name": b"google:sqlType:json"},
        None,
    ]
