"""Loads exports from elsewhere into a tenant's project, as far as the real export's columns allow."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from google.cloud import bigquery

from devcloud.seed_billing.export import load_schema
from tests.support.tenant import Tenant

Json = dict[str, Any]

GCP = Path(__file__).resolve().parents[4] / "shared" / "data" / "gcp"
EXPORTS = sorted([*GCP.glob("*.jsonl"), *GCP.glob("*.csv")])
# The sums by the generators of exports that report them; the tests add up the rows of the others.
TRUTHS = {path: truth for path in EXPORTS if (truth := path.with_suffix(".truth.json")).exists()}
_TIMES = ("usage_start_time", "usage_end_time", "export_time")
_LISTS = ("labels", "system_labels", "project.labels", "credits")
_ODD = ("partition_date",)  # fields of the file that are no columns of the export


def load(tenant: Tenant, export: Path) -> str:
    """Load the export into the tenant's project, partitioned by arrival like Google's own; return its full name."""
    name = f"{tenant.project}.billing.{re.sub(r'[^a-z0-9]', '_', export.stem)}"
    schema = [bigquery.SchemaField.from_api_repr(field) for field in load_schema()]
    with tenant.cloud.clients(tenant.gcp_key) as clients:
        client = clients.bigquery()
        client.create_dataset("billing", exists_ok=True)
        table = bigquery.Table(name, schema=schema)
        table.time_partitioning = bigquery.TimePartitioning(type_=bigquery.TimePartitioningType.DAY)
        client.create_table(table)
        config = bigquery.LoadJobConfig(schema=schema)
        client.load_table_from_json(list(rows_of(export)), name, job_config=config).result()
    return name


def rows_of(export: Path) -> Iterator[Json]:
    """The file's rows: times with their zone, credits a list, dotted CSV columns nested."""
    with export.open(encoding="utf-8", newline="") as lines:
        rows = map(_nested, csv.DictReader(lines)) if export.suffix == ".csv" else map(json.loads, lines)
        for row in rows:
            given = row.get("credits") or []
            listed = [given] if isinstance(given, dict) else given
            times = {name: _with_zone(row[name]) for name in _TIMES}
            yield row | times | {"credits": [item for item in listed if item.get("type")]}


def _with_zone(text: str) -> str:
    return text if text.endswith("UTC") else f"{text}Z"


def _nested(flat: dict[str, str]) -> Json:
    row: Json = {}
    for column, text in flat.items():
        *path, name = column.split(".")
        record = row
        for part in path:
            record = record.setdefault(part, {})
        if column not in _ODD:
            record[name] = json.loads(text.replace("'", '"') or "[]") if column in _LISTS else text
    return row
