"""Writes the sample export into a project: an ingestion-time partitioned table, one load job a partition."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

from google.cloud import bigquery

from devcloud.seed_billing.rows import Generator, Plan, Row
from devcloud.seed_billing.truth import Truth

Json = dict[str, Any]


@dataclass(frozen=True)
class Target:
    """Where the export goes; without `table` it is named after the billing account, as Google names it."""

    project: str
    dataset: str = "billing"
    table: str | None = None
    location: str = "US"


def write_export(client: bigquery.Client, plan: Plan, target: Target, *, append: bool = False) -> Json:
    """Generate the plan's rows into the target's table and return the truth about them.

    The table is replaced, unless `append`. Memory and disk hold the partitions that are still growing, no more.
    """
    generator, truth = Generator(plan), Truth()
    account = generator.organisation.billing_account_id.replace("-", "_")
    table = f"{target.project}.{target.dataset}.{target.table or f'gcp_billing_export_resource_v1_{account}'}"
    _create_table(client, table, target, replace=not append)
    with TemporaryDirectory(prefix="seed-billing-") as scratch:
        partitions = _Partitions(Path(scratch))
        for day, rows in generator.days():
            for row in rows:
                partitions.write(row)
                truth.add(row)
            for exported_on, path in partitions.complete(before=day + timedelta(days=1)):
                _load(client, table, target, exported_on, path)
        for exported_on, path in partitions.complete(before=date.max):
            _load(client, table, target, exported_on, path)
    return {"table": table, "location": target.location, "currency": "USD"} | truth.to_json()


def load_schema() -> list[Json]:
    """The columns of the detailed export (gcp_billing_export_resource_v1), as REST fields."""
    schema: list[Json] = json.loads(Path(__file__).with_name("schema.json").read_text(encoding="utf-8"))
    return schema


@dataclass
class _Partitions:
    """One growing file for each export date that rows still arrive for."""

    folder: Path
    _open: dict[date, IO[str]] = field(default_factory=dict)

    def write(self, row: Row) -> None:
        """Add a row to the file of its export date."""
        if row.exported_on not in self._open:
            self._open[row.exported_on] = self._path(row.exported_on).open("w", encoding="utf-8")
        self._open[row.exported_on].write(row.text + "\n")

    def complete(self, *, before: date) -> Iterator[tuple[date, Path]]:
        """Close and hand out the files of the export dates before this one; each is gone when the next is asked for."""
        for exported_on in sorted(day for day in self._open if day < before):
            self._open.pop(exported_on).close()
            path = self._path(exported_on)
            yield exported_on, path
            path.unlink()

    def _path(self, exported_on: date) -> Path:
        return self.folder / f"{exported_on:%Y%m%d}.jsonl"


def _create_table(client: bigquery.Client, name: str, target: Target, *, replace: bool) -> None:
    dataset = bigquery.Dataset(f"{target.project}.{target.dataset}")
    dataset.location = target.location
    client.create_dataset(dataset, exists_ok=True)
    if replace:
        client.delete_table(name, not_found_ok=True)
    table = bigquery.Table(name, schema=[bigquery.SchemaField.from_api_repr(field) for field in load_schema()])
    table.time_partitioning = bigquery.TimePartitioning(type_=bigquery.TimePartitioningType.DAY)
    client.create_table(table, exists_ok=True)


def _load(client: bigquery.Client, table: str, target: Target, exported_on: date, path: Path) -> None:
    config = bigquery.LoadJobConfig(
        source_format=bigquery.SourceFormat.NEWLINE_DELIMITED_JSON,
        write_disposition=bigquery.WriteDisposition.WRITE_APPEND,
    )
    with path.open("rb") as file:
        client.load_table_from_file(
            file, f"{table}${exported_on:%Y%m%d}", location=target.location, project=target.project, job_config=config
        ).result()
