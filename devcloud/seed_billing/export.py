"""Writes the sample export into a project: an ingestion-time partitioned table, one load job a partition."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

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
    """Where the export goes; without `table` it is named after the billing account, as Google names it."""

    project: str
    dataset: str = "billing"
    table: str | None = None
    location: str = "US"


def write_export(client: bigquery.Client, plan: Plan, target: Target, *, append: bool = False) -> Json:
    """Generate the plan's rows into the target's table and return the truth about them.

    The table is replaced, unless `append`. Memory and disk hold the partitions that are still growing, no more;
    they travel as Parquet, which loads many times faster than JSON.
    """
    generator, truth = Generator(plan), Truth()
    account = generator.organisation.billing_account_id.replace("-", "_")
    table = f"{target.project}.{target.dataset}.{target.table or f'gcp_billing_export_resource_v1_{account}'}"
    _create_table(client, table, target, replace=not append)
    loads: list[bigquery.LoadJob] = []
    with TemporaryDirectory(prefix="seed-billing-") as scratch:
        partitions = _Partitions(Path(scratch))
        for day, rows in generator.days():
            for row in rows:
                partitions.write(row)
                truth.add(row)
            for exported_on, path in partitions.complete(before=day + timedelta(days=1)):
                loads.append(_load(client, table, target, exported_on, path))
        for exported_on, path in partitions.complete(before=date.max):
            loads.append(_load(client, table, target, exported_on, path))
    for load in loads:  # they run while the rows are made
        load.result()
    return {"table": table, "location": target.location, "currency": "USD"} | truth.to_json()


def load_schema() -> list[Json]:
    """The columns of the detailed export (gcp_billing_export_resource_v1), as REST fields."""
    schema: list[Json] = json.loads(Path(__file__).with_name("schema.json").read_text(encoding="utf-8"))
    return schema


class _Partitions:
    """One growing Parquet file for each export date that rows still arrive for; a batch of each is in memory."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._schema = arrow_schema([normal_field(field) for field in load_schema()])
        self._writers: dict[date, pq.ParquetWriter] = {}
        self._batches: defaultdict[date, list[str]] = defaultdict(list)

    def write(self, row: Row) -> None:
        """Add a row to the file of its export date."""
        batch = self._batches[row.exported_on]
        batch.append(row.text)
        if len(batch) == _BATCH_ROWS:
            self._flush(row.exported_on)

    def complete(self, *, before: date) -> Iterator[tuple[date, Path]]:
        """Close and hand out the files of the export dates before this one; each is gone when the next is asked for."""
        for exported_on in sorted(day for day in self._batches if day < before):
            self._flush(exported_on)
            self._writers.pop(exported_on).close()
            del self._batches[exported_on]
            path = self._path(exported_on)
            yield exported_on, path
            path.unlink()

    def _flush(self, exported_on: date) -> None:
        if exported_on not in self._writers:
            self._writers[exported_on] = pq.ParquetWriter(self._path(exported_on), self._schema)
        lines = "\n".join(self._batches[exported_on]).encode()
        if lines:
            self._writers[exported_on].write_table(
                read_json(
                    BytesIO(lines),
                    read_options=ReadOptions(block_size=len(lines)),
                    parse_options=ParseOptions(explicit_schema=self._schema, unexpected_field_behavior="error"),
                )
            )
        self._batches[exported_on].clear()

    def _path(self, exported_on: date) -> Path:
        return self._folder / f"{exported_on:%Y%m%d}.parquet"


def _create_table(client: bigquery.Client, name: str, target: Target, *, replace: bool) -> None:
    dataset = bigquery.Dataset(f"{target.project}.{target.dataset}")
    dataset.location = target.location
    client.create_dataset(dataset, exists_ok=True)
    if replace:
        client.delete_table(name, not_found_ok=True)
    table = bigquery.Table(name, schema=[bigquery.SchemaField.from_api_repr(field) for field in load_schema()])
    table.time_partitioning = bigquery.TimePartitioning(type_=bigquery.TimePartitioningType.DAY)
    client.create_table(table, exists_ok=True)


def _load(client: bigquery.Client, table: str, target: Target, exported_on: date, path: Path) -> bigquery.LoadJob:
    config = bigquery.LoadJobConfig(
        source_format=bigquery.SourceFormat.PARQUET,
        parquet_options=bigquery.ParquetOptions.from_api_repr({"enableListInference": True}),
        write_disposition=bigquery.WriteDisposition.WRITE_APPEND,
    )
    with path.open("rb") as file:
        return client.load_table_from_file(
            file, f"{table}${exported_on:%Y%m%d}", location=target.location, project=target.project, job_config=config
        )
