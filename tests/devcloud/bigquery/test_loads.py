from __future__ import annotations

import datetime as dt
import gzip
import io
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from google.api_core import exceptions
from google.cloud import bigquery
from google.cloud.bigquery import LoadJobConfig, SchemaField, SourceFormat

from tests.devcloud.bigquery.conftest import PLATFORM


def _rows(client: bigquery.Client, table: str) -> list[dict[str, Any]]:
    return [dict(row) for row in client.list_rows(client.get_table(table))]


def _parquet(rows: pa.Table) -> io.BytesIO:
    file = io.BytesIO()
    pq.write_table(rows, file)
    file.seek(0)
    return file


def _load_parquet(client: bigquery.Client, target: str, rows: pa.Table, **options: Any) -> bigquery.LoadJob:
    config = LoadJobConfig(source_format=SourceFormat.PARQUET, **options)
    parquet = bigquery.ParquetOptions()  # type: ignore[no-untyped-call]
    parquet.enable_list_inference = True
    config.parquet_options = parquet
    job = client.load_table_from_file(_parquet(rows), target, job_config=config)
    job.result()
    return job


def _load_json(client: bigquery.Client, target: str, lines: str, **options: Any) -> bigquery.LoadJob:
    config = LoadJobConfig(source_format=SourceFormat.NEWLINE_DELIMITED_JSON, **options)
    job = client.load_table_from_file(io.BytesIO(lines.encode()), target, job_config=config, size=len(lines.encode()))
    job.result()
    return job


SAMPLE = pa.table(
    {
        "id": pa.array([1, 2], pa.int64()),
        "cost": pa.array([Decimal("0.123456789"), None], pa.decimal128(38, 9)),
        "at": pa.array([dt.datetime(2026, 9, 3, 7, tzinfo=dt.UTC), None], pa.timestamp("us", tz="UTC")),
        "labels": pa.array(
            [[{"key": "a", "value": "1"}], []], pa.list_(pa.struct([("key", pa.string()), ("value", pa.string())]))
        ),
        "raw": pa.array([b"\x00\xff", None], pa.binary()),
    }
)


def test_a_parquet_load_creates_its_table(client: bigquery.Client, dataset: str) -> None:
    job = _load_parquet(client, f"{dataset}.t", SAMPLE)
    assert job.output_rows == 2
    assert _rows(client, f"{dataset}.t") == [
        {
            "id": 1,
            "cost": Decimal("0.123456789"),
            "at": dt.datetime(2026, 9, 3, 7, tzinfo=dt.UTC),
            "labels": [{"key": "a", "value": "1"}],
            "raw": b"\x00\xff",
        },
        {"id": 2, "cost": None, "at": None, "labels": [], "raw": None},
    ]
    assert [f.field_type for f in client.get_table(f"{dataset}.t").schema] == [
        "INTEGER",
        "NUMERIC",
        "TIMESTAMP",
        "RECORD",
        "BYTES",
    ]


def test_write_dispositions_append_truncate_and_refuse(client: bigquery.Client, dataset: str) -> None:
    table, rows = f"{dataset}.t", pa.table({"a": [1]})
    _load_parquet(client, table, rows)
    _load_parquet(client, table, rows)
    assert client.get_table(table).num_rows == 2
    with pytest.raises(exceptions.Conflict, match="Already Exists"):
        _load_parquet(client, table, rows, write_disposition="WRITE_EMPTY")
    _load_parquet(client, table, pa.table({"b": ["x"]}), write_disposition="WRITE_TRUNCATE")
    assert _rows(client, table) == [{"b": "x"}]
    with pytest.raises(exceptions.NotFound, match="Not found: Table"):
        _load_parquet(client, f"{dataset}.none", rows, create_disposition="CREATE_NEVER")
    with pytest.raises(exceptions.NotFound, match=f"Not found: Dataset {PLATFORM}:nowhere"):
        _load_parquet(client, "nowhere.t", rows)


def test_new_columns_need_permission(client: bigquery.Client, dataset: str) -> None:
    table = f"{dataset}.t"
    _load_parquet(client, table, pa.table({"a": [1]}))
    wider = pa.table({"a": [2], "b": ["new"]})
    with pytest.raises(exceptions.BadRequest, match=r"Cannot add fields \(field: b\)"):
        _load_parquet(client, table, wider)
    _load_parquet(client, table, wider, schema_update_options=["ALLOW_FIELD_ADDITION"])
    assert _rows(client, table) == [{"a": 1, "b": None}, {"a": 2, "b": "new"}]
    with pytest.raises(exceptions.BadRequest, match="Field a has changed type from INTEGER to STRING"):
        _load_parquet(client, table, pa.table({"a": ["text"]}))


def test_a_partition_decorator_replaces_that_partition_only(client: bigquery.Client, dataset: str) -> None:
    target = bigquery.Table(f"{PLATFORM}.{dataset}.t", schema=[SchemaField("day", "DATE"), SchemaField("n", "INT64")])
    target.time_partitioning = bigquery.TimePartitioning(field="day")
    client.create_table(target)
    days = [dt.date(2025, 11, 17), dt.date(2025, 11, 18)]
    _load_parquet(client, f"{dataset}.t", pa.table({"day": days, "n": [1, 2]}))
    truncate = {"write_disposition": "WRITE_TRUNCATE"}
    _load_parquet(client, f"{dataset}.t$20251117", pa.table({"day": days[:1], "n": [10]}), **truncate)
    assert sorted(row["n"] for row in _rows(client, f"{dataset}.t")) == [2, 10]
    with pytest.raises(exceptions.BadRequest, match="Some rows belong to different partitions rather than destination"):
        _load_parquet(client, f"{dataset}.t$20251117", pa.table({"day": days, "n": [3, 4]}), **truncate)
    assert sorted(row["n"] for row in _rows(client, f"{dataset}.t")) == [2, 10]


def test_ingestion_time_partitions_are_set_by_the_decorator(client: bigquery.Client, dataset: str) -> None:
    target = bigquery.Table(f"{PLATFORM}.{dataset}.t", schema=[SchemaField("n", "INT64")])
    target.time_partitioning = bigquery.TimePartitioning()
    client.create_table(target)
    for day, n in (("20260901", 1), ("20260902", 2), ("20260901", 3)):
        _load_parquet(client, f"{dataset}.t${day}", pa.table({"n": [n]}), write_disposition="WRITE_TRUNCATE")
    assert sorted(row["n"] for row in _rows(client, f"{dataset}.t")) == [2, 3]
    assert [
        row["n"] for row in client.list_rows(f"{PLATFORM}.{dataset}.t$20260902", selected_fields=target.schema)
    ] == [2]


BILLING = [
    SchemaField("service", "RECORD", fields=[SchemaField("id", "STRING")]),
    SchemaField("usage_start_time", "TIMESTAMP"),
    SchemaField("cost", "NUMERIC", mode="REQUIRED"),
    SchemaField("credits", "RECORD", mode="REPEATED", fields=[SchemaField("amount", "FLOAT64")]),
    SchemaField("extra", "JSON"),
]


def test_ndjson_values_are_read_as_bigquery_reads_them(client: bigquery.Client, dataset: str) -> None:
    lines = (
        '{"service": {"id": "s"}, "usage_start_time": "2026-09-03 07:00:00 UTC", "cost": 1234567890.123456789,'
        ' "credits": [{"amount": "-0.5"}], "extra": {"a": [1, 2.5]}}\n'
        '{"cost": "0.1", "usage_start_time": "2026-09-03T07:00:00.25+02:00"}\n'
    )
    _load_json(client, f"{dataset}.t", lines, schema=BILLING)
    first, second = _rows(client, f"{dataset}.t")
    assert first == {
        "service": {"id": "s"},
        "usage_start_time": dt.datetime(2026, 9, 3, 7, tzinfo=dt.UTC),
        "cost": Decimal("1234567890.123456789"),
        "credits": [{"amount": -0.5}],
        "extra": {"a": [1, 2.5]},
    }
    assert (second["cost"], second["credits"], second["service"]) == (Decimal("0.1"), [], None)
    assert second["usage_start_time"] == dt.datetime(2026, 9, 3, 5, 0, 0, 250_000, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"cost": "1", "nope": 1}', "no such field: nope"),
        ('{"cost": "many"}', "Could not convert value to numeric. Field: cost; Value: many"),
        ('{"service": {}}', "Missing required field: cost"),
        ('{"cost": 1', "JSON parsing error in row starting at position 0"),
    ],
)
def test_invalid_ndjson_is_reported_with_its_position(
    client: bigquery.Client, dataset: str, line: str, message: str
) -> None:
    with pytest.raises(exceptions.BadRequest, match=message):
        _load_json(client, f"{dataset}.t", line + "\n", schema=BILLING)
    with pytest.raises(exceptions.NotFound):
        client.get_table(f"{dataset}.t")


def test_gzipped_csv_distinguishes_empty_from_null(client: bigquery.Client, dataset: str) -> None:
    text = 'name,n,day\n"a, b",1,2026-09-03\n"",,\n'
    config = LoadJobConfig(
        source_format=SourceFormat.CSV,
        skip_leading_rows=1,
        schema=[SchemaField("name", "STRING"), SchemaField("n", "INT64"), SchemaField("day", "DATE")],
    )
    client.load_table_from_file(io.BytesIO(gzip.compress(text.encode())), f"{dataset}.t", job_config=config).result()
    assert _rows(client, f"{dataset}.t") == [
        {"name": "a, b", "n": 1, "day": dt.date(2026, 9, 3)},
        {"name": "", "n": None, "day": None},
    ]


def test_a_large_upload_arrives_in_chunks(client: bigquery.Client, dataset: str) -> None:
    rows = pa.table({"n": list(range(400_000)), "text": [f"row number {n} {n * 7919}" for n in range(400_000)]})
    _load_parquet(client, f"{dataset}.t", rows)
    assert client.get_table(f"{dataset}.t").num_rows == 400_000


def test_copies_keep_rows_and_follow_dispositions(client: bigquery.Client, dataset: str) -> None:
    _load_parquet(client, f"{dataset}.a", SAMPLE)
    client.copy_table(f"{PLATFORM}.{dataset}.a", f"{PLATFORM}.{dataset}.b").result()
    assert _rows(client, f"{dataset}.b") == _rows(client, f"{dataset}.a")
    with pytest.raises(exceptions.Conflict, match="Already Exists"):
        client.copy_table(f"{PLATFORM}.{dataset}.a", f"{PLATFORM}.{dataset}.b").result()
    config = bigquery.CopyJobConfig(write_disposition="WRITE_APPEND")
    client.copy_table(f"{PLATFORM}.{dataset}.a", f"{PLATFORM}.{dataset}.b", job_config=config).result()
    assert client.get_table(f"{dataset}.b").num_rows == 4


def test_a_load_job_id_is_used_once(client: bigquery.Client, dataset: str) -> None:
    config = LoadJobConfig(source_format=SourceFormat.PARQUET)
    job_id = f"load-{dataset}"
    rows = pa.table({"n": [1]})
    client.load_table_from_file(_parquet(rows), f"{dataset}.t", job_id=job_id, job_config=config).result()
    with pytest.raises(exceptions.Conflict, match=f"Already Exists: Job {PLATFORM}:US.{job_id}"):
        client.load_table_from_file(_parquet(rows), f"{dataset}.t", job_id=job_id, job_config=config)
    assert client.get_job(job_id).state == "DONE"
    assert client.get_table(f"{dataset}.t").num_rows == 1
    with pytest.raises(exceptions.NotFound, match="Not found: Job"):
        client.get_job(job_id, location="EU")


def test_a_dataset_in_another_location_is_not_found(client: bigquery.Client, dataset: str) -> None:
    elsewhere = bigquery.Dataset(f"{PLATFORM}.{dataset}_eu")
    elsewhere.location = "EU"
    client.create_dataset(elsewhere)
    with pytest.raises(exceptions.NotFound, match=f"Dataset {PLATFORM}:{dataset}_eu was not found in location US"):
        _load_parquet(client, f"{dataset}_eu.t", pa.table({"n": [1]}))
