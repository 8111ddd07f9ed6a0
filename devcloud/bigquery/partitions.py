"""Table names with a partition decorator, and the DuckDB expressions that select the partition."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from devcloud.bigquery.columns import PARTITION_TIME, is_ingestion_partitioned
from devcloud.bigquery.model import BigQueryError, Json, TableRef, not_implemented
from devcloud.bigquery.types import quoted

_FORMATS = {"HOUR": "%Y%m%d%H", "DAY": "%Y%m%d", "MONTH": "%Y%m", "YEAR": "%Y"}


@dataclass(frozen=True)
class Destination:
    """The table, or the partition of it, that is written."""

    ref: TableRef
    partition: str | None = None


def parse_destination(reference: Json, *, project: str) -> Destination:
    """A REST TableReference whose tableId may end in `$20251117`."""
    if not reference.get("datasetId"):
        raise BigQueryError("required", "Required parameter is missing: datasetId")
    table, _, decorator = str(reference["tableId"]).partition("$")
    ref = TableRef(str(reference.get("projectId") or project), str(reference["datasetId"]), table)
    if "@" in str(reference["tableId"]):
        raise not_implemented(f"the time decorator of {reference['tableId']}")
    if decorator in ("__NULL__", "__UNPARTITIONED__", "__PARTITIONS_SUMMARY__"):
        raise not_implemented(f"the partition decorator ${decorator}")
    return Destination(ref, decorator or None)


def partition_start(table: Json, decorator: str) -> dt.datetime:
    """The first moment (UTC) of the partition; raises invalid when it does not fit the table's granularity."""
    partitioning = table.get("timePartitioning")
    if partitioning is None:
        reference = table["tableReference"]
        raise BigQueryError(
            "invalid",
            f"Cannot use a partition decorator (${decorator}) on the table {reference['datasetId']}."
            f"{reference['tableId']}, which is not partitioned",
        )
    pattern = _FORMATS[partitioning["type"]]
    try:
        start = dt.datetime.strptime(decorator, pattern).replace(tzinfo=dt.UTC)
    except ValueError:
        start = None
    if start is None or start.strftime(pattern) != decorator:
        expected = {"HOUR": "YYYYMMDDHH", "DAY": "YYYYMMDD", "MONTH": "YYYYMM", "YEAR": "YYYY"}[partitioning["type"]]
        raise BigQueryError("invalid", f"Invalid partition decorator ${decorator}: expected ${expected}")
    return start


def partition_condition(table: Json, decorator: str) -> tuple[str, list[object]]:
    """The SQL condition, with its parameters, that a row lies in the partition; false for NULL."""
    start = partition_start(table, decorator)
    partitioning = table["timePartitioning"]
    if is_ingestion_partitioned(table):
        return f"{PARTITION_TIME} IS NOT DISTINCT FROM ?::TIMESTAMPTZ", [start]
    column = quoted(partitioning["field"])
    unit = partitioning["type"].lower()
    # The cast keeps a DATE or DATETIME column comparable with the start.
    kind = next(f["type"] for f in table["schema"]["fields"] if f["name"].lower() == partitioning["field"].lower())
    target = {"DATE": "DATE", "DATETIME": "TIMESTAMP"}.get(kind, "TIMESTAMPTZ")
    value = start if target == "TIMESTAMPTZ" else start.replace(tzinfo=None)
    return f"coalesce(date_trunc('{unit}', {column})::{target} = ?::{target}, FALSE)", [value]


def unexpired(table: Json, *, prefix: str = "") -> str:
    """The SQL condition that a row's partition has not expired; '' if partitions do not expire.

    The expiry is counted from the end of the partition in UTC. Rows without a partition never expire:
    https://cloud.google.com/bigquery/docs/managing-partitioned-tables#partition-expiration
    """
    partitioning = table.get("timePartitioning") or {}
    expires = int(partitioning.get("expirationMs") or 0)
    if not expires or table.get("type") != "TABLE":
        return ""
    name, unit = partitioning.get("field"), partitioning["type"].lower()
    column = f"{prefix}{quoted(name) if name else PARTITION_TIME}"
    kinds = {field["name"].lower(): field["type"] for field in table["schema"]["fields"]}
    is_moment = not name or kinds.get(name.lower()) == "TIMESTAMP"
    local = f"timezone('UTC', {column})" if is_moment else f"CAST({column} AS TIMESTAMP)"
    start = f"date_trunc('{unit}', {local})"
    return f"coalesce({start} + to_{unit}s(1) + to_milliseconds({expires}) > timezone('UTC', now()), TRUE)"
