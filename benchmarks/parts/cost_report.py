"""Writes a large Cost and Usage Report into devcloud's S3: CUR 2.0 with all its columns, as CSV or Parquet."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as _partly_typed
from pyarrow import csv as _untyped_csv
from pyarrow import parquet

from devcloud.objects import s3_buckets
from devcloud.objects.s3 import REGION
from devcloud.seed_billing.aws_report import Report
from devcloud.seed_billing.other_clouds import Bill
from shared.configuration.tables import get_table
from shared.connectors.json_texts import objects_of_maps

Format = Literal["csv", "csv.gz", "parquet"]
pc: Any = _partly_typed
arrow_csv: Any = _untyped_csv
BUCKET, PREFIX, PERIOD = "benchmark-billing", "exports", date(2026, 9, 1)
SOURCE = f"aws:{BUCKET}/{PREFIX}"
_FOLDER = f"{PREFIX}/cur2/data/BILLING_PERIOD={PERIOD:%Y-%m}"
_MANIFEST = f"{PREFIX}/cur2/metadata/BILLING_PERIOD={PERIOD:%Y-%m}/cur2-Manifest.json"
_BATCH_ROWS = 65_536


@dataclass(frozen=True)
class CostReport:
    """A report that overwrites itself in a bucket of a devcloud, whose state is in the folder `state`."""

    state: Path

    @property
    def credentials(self) -> dict[str, Any]:
        """The body of POST credentials."""
        reader = s3_buckets(self.state).make(BUCKET, "AKIABENCHMARK0000000")
        key = {"access_key_id": reader.id, "secret_access_key": reader.secret}
        return {"provider": "AWS", "credentials": {"region": REGION, "bucket": BUCKET, "prefix": PREFIX, **key}}

    def deliver(self, kind: Format, *, rows: int | None = None, size: int | None = None, files: int = 1) -> int:
        """Write the files and then the manifest; returns the number of rows.

        The files have `rows` together, or as many as each needs for `size` bytes.
        """
        buckets, keys, written = s3_buckets(self.state), [], 0
        for number in range(files):
            key = f"{_FOLDER}/cur2-{number + 1:05d}.{'snappy.parquet' if kind == 'parquet' else kind}"
            buckets.put(BUCKET, key, b"")
            written += _write(self.files(key)[0], kind, _batches(number, rows and rows // files), size)
            keys.append(f"s3://{BUCKET}/{key}")
        buckets.put(BUCKET, _MANIFEST, json.dumps({"dataFiles": keys}).encode())
        return written

    def files(self, below: str = _FOLDER) -> list[Path]:
        """The files on the disk of the objects whose keys begin with this text."""
        return [found.path for found in s3_buckets(self.state).list(BUCKET, below)]


def _batches(file: int, rows: int | None) -> Iterator[pa.RecordBatch]:
    """Yield the report's lines again and again, each with values of its own. Without `rows` they never end."""
    once, number = _once(), 0
    rng = random.Random(file)  # noqa: S311 - sample data, not a secret
    while rows is None or number < rows:
        batch = once.slice(0, once.num_rows if rows is None else rows - number)
        for name, values in _varied(batch, rng).items():
            place = batch.schema.get_field_index(name)
            batch = batch.set_column(place, batch.schema.field(place), values)
        yield batch
        number += batch.num_rows


def _varied(batch: pa.RecordBatch, rng: random.Random) -> dict[str, Any]:
    """Return values that differ from line to line as AWS's do, so that the files are as large as real ones."""
    length = batch.num_rows
    signs = rng.randbytes(26 * length).hex()
    ids = pa.array([signs[start : start + 52] for start in range(0, len(signs), 52)])
    amounts = pa.array([round(rng.expovariate(1), 10) for _ in range(length)])
    costs = pa.array([round(rng.expovariate(100), 10) for _ in range(length)])
    resources = pc.binary_join_element_wise(
        "arn:aws:ec2:eu-central-1:210987654321:", pc.utf8_slice_codeunits(ids, 0, 17), ""
    )
    return {
        "identity_line_item_id": ids,
        "line_item_resource_id": resources,
        "line_item_usage_amount": amounts,
        "line_item_unblended_cost": costs,
        "pricing_public_on_demand_cost": costs,
    }


def _once() -> pa.RecordBatch:
    """Lines with all columns of CUR 2.0. Most are empty, as they are for most products."""
    report = Report(Bill("aws", 3, PERIOD, PERIOD.replace(day=30)), is_invoiced=True)
    given = parquet.read_table(pa.BufferReader(report.parquet()))
    empty: dict[str, pa.DataType] = {"NUMERIC": pa.float64(), "TIMESTAMP": pa.timestamp("ms")}
    columns = {
        column.name: given[column.name]
        if column.name in given.column_names
        else pa.array([None] * given.num_rows, empty.get(column.type, pa.string()))
        for column in get_table("tenant_dataset", "aws_cost_billing").columns
        if not column.name.startswith("x_")
    }
    copies = [pa.table(columns)] * (_BATCH_ROWS // given.num_rows)
    return pa.concat_tables(copies).combine_chunks().to_batches()[0]


def _write(path: Path, kind: Format, batches: Iterator[pa.RecordBatch], size: int | None) -> int:
    """Write batches until the file has `size` bytes, or all of them; returns the number of rows."""
    rows = 0
    with ExitStack() as opened:
        file = opened.enter_context(path.open("wb"))
        writer: Any = None
        for batch in batches:
            table = pa.Table.from_batches([batch if kind == "parquet" else _texts(batch)])
            if writer is None:
                writer = opened.enter_context(_writer(file, kind, table.schema, opened))
            writer.write_table(table)
            rows += table.num_rows
            if size is not None and file.tell() >= size:
                break
    return rows


def _writer(file: Any, kind: Format, schema: pa.Schema, opened: ExitStack) -> Any:
    if kind == "parquet":
        return parquet.ParquetWriter(file, schema, compression="snappy")
    sink = opened.enter_context(pa.CompressedOutputStream(file, "gzip")) if kind == "csv.gz" else file
    return arrow_csv.CSVWriter(sink, schema)


def _texts(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch as a CSV file of AWS has it: moments in ISO 8601, maps as JSON objects."""
    return pa.RecordBatch.from_pydict({name: _text(batch[name]) for name in batch.schema.names})


def _text(array: Any) -> Any:
    if pa.types.is_map(array.type):
        return objects_of_maps(array)
    if pa.types.is_timestamp(array.type):
        return pc.strftime(pc.cast(array, pa.timestamp("s")), format="%Y-%m-%dT%H:%M:%SZ")
    return array
