"""Writes the sample export into a project, as an ingestion-time partitioned table like Google Cloud's own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import pyarrow.parquet as pq
from google.cloud import bigquery
from pyarrow.json import ParseOptions, ReadOptions, read_json

from devcloud.bigquery.arrow import arrow_schema
from devcloud.bigquery.columns import normal_field
from devcloud.seed_billing.rows import Generator, Plan, Row
from devcloud.seed_billing.truth import Truth

Json = dict[str, Any]

_BATCH_ROWS = 5_000


@dataclass(frozen=True)
class Target:
    """The export's table. By default its name contains the billing account, as Google's does."""

    project: str
    dataset: str = "billing"
    table: str | None = None
    location: str = "US"


def write_export(client: bigquery.Client, plan: Plan, target: Target, *, append: bool = False) -> Json:
    """Write the plan's rows into the target's table; returns the rows and sums that a correct load has.

    The table is replaced, unless `append`. Only one batch is in memory. The rows are loaded as Parquet, which is many
    times faster than JSON.
    """
    generator, truth = Generator(plan), Truth()
    account = generator.organisation.billing_account_id.replace("-", "_")
    table = f"{target.project}.{target.dataset}.{target.table or f'gcp_billing_export_resource_v1_{account}'}"
    _create_table(client, table, target, replace=not append)
    with TemporaryDirectory(prefix="seed-billing-") as scratch:
        path = Path(scratch) / "rows.parquet"
        with _RowFile(path) as file:
            for _, rows in generator.days():
                for row in rows:
                    file.write(row)
                    truth.add(row)
        _load(client, table, target, path)
    return {"table": table, "location": target.location, "currency": "USD"} | truth.to_json()


def load_schema() -> list[Json]:
    """The columns of the detailed export (gcp_billing_export_resource_v1), as REST fields."""
    schema: list[Json] = json.loads(Path(__file__).with_name("schema.json").read_text(encoding="utf-8"))
    return schema


class _RowFile:
    """A Parquet file to which rows are written in batches."""

    def __init__(self, path: Path) -> None:
        self._schema = arrow_schema([normal_field(field) for field in load_schema()])
        self._writer = pq.ParquetWriter(path, self._schema)
        self._batch: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._flush()
        self._writer.close()

    def write(self, row: Row) -> None:
        """Add a row."""
        self._batch.append(row.text)
        if len(self._batch) == _BATCH_ROWS:
            self._flush()

    def _flush(self) -> None:
        lines = "\n".join(self._batch).encode()
        if lines:
            self._writer.write_table(
                read_json(
                    BytesIO(lines),
                    read_options=ReadOptions(block_size=len(lines)),
                    parse_options=ParseOptions(explicit_schema=self._schema, unexpected_field_behavior="error"),
                )
            )
        self._batch.clear()


def _create_table(client: bigquery.Client, name: str, target: Target, *, replace: bool) -> None:
    dataset = bigquery.Dataset(f"{target.project}.{target.dataset}")
    dataset.location = target.location
    client.create_dataset(dataset, exists_ok=True)
    if replace:
        client.delete_table(name, not_found_ok=True)
    table = bigquery.Table(name, schema=[bigquery.SchemaField.from_api_repr(field) for field in load_schema()])
    table.time_partitioning = bigquery.TimePartitioning(type_=bigquery.TimePartitioningType.DAY)
    client.create_table(table, exists_ok=True)


def _load(client: bigquery.Client, table: str, target: Target, path: Path) -> None:
    """Add the file's rows to the table, each in the partition of the day it was exported.

    A load job fills only one partition. So the rows go through a table without partitions: two jobs for all days.
    """
    arriving, fields = f"{table}_arriving", load_schema()
    config = bigquery.LoadJobConfig(
        schema=[bigquery.SchemaField.from_api_repr(field) for field in fields],
        source_format=bigquery.SourceFormat.PARQUET,
        parquet_options=bigquery.ParquetOptions.from_api_repr({"enableListInference": True}),
        write_disposition=bigquery.WriteDisposition.WRITE_TRUNCATE,
    )
    with path.open("rb") as file:
        load = client.load_table_from_file(
            file, arriving, project=target.project, location=target.location, job_config=config
        )
    load.result()
    columns = ", ".join(field["name"] for field in fields)
    client.query_and_wait(
        f"INSERT INTO `{table}` (_PARTITIONTIME, {columns})"
        f" SELECT TIMESTAMP_TRUNC(export_time, DAY), {columns} FROM `{arriving}`",
        project=target.project,
        location=target.location,
    )
    client.delete_table(arriving)
