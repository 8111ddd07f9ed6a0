"""Makes billing exports as AWS lays them out: legacy reports and CUR 2.0, with their manifests."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Generic, Protocol, TypeVar

import pyarrow as pa
from pyarrow import parquet

from tests.support.stored_objects import MemoryStore

Row = Mapping[str, str]
PAYER = "123456789012"
_COST, _CURRENCY = "lineItem/UnblendedCost", "lineItem/CurrencyCode"


def next_month(period: date) -> date:
    """Return the first day of the next month."""
    return date(period.year + period.month // 12, period.month % 12 + 1, 1)


def line(period: date, number: int, cost: str, **given: str) -> dict[str, str]:
    """Return a usage line of a legacy report.

    `given` replaces columns. Their names have two underscores in place of the slash.
    """
    start = f"{period:%Y-%m}-{number % 28 + 1:02d}T00:00:00Z"
    usual = {
        "identity/LineItemId": f"line{number}",
        "bill/BillType": "Anniversary",
        "bill/BillingEntity": "AWS",
        "bill/InvoiceId": "",
        "bill/PayerAccountId": PAYER,
        "bill/BillingPeriodStartDate": f"{period}T00:00:00Z",
        "bill/BillingPeriodEndDate": f"{next_month(period)}T00:00:00Z",
        "lineItem/UsageAccountId": "210987654321",
        "lineItem/LineItemType": "Usage",
        "lineItem/UsageStartDate": start,
        "lineItem/UsageEndDate": start.replace("T00:", "T01:"),
        "lineItem/ProductCode": "AmazonEC2",
        "lineItem/UsageType": "BoxUsage:m5.large",
        "lineItem/Operation": "RunInstances",
        "lineItem/UsageAmount": "1",
        "lineItem/CurrencyCode": "USD",
        "lineItem/UnblendedRate": cost,
        "lineItem/UnblendedCost": cost,
        "lineItem/LineItemDescription": "an hour of m5.large",
        "lineItem/ResourceId": f"i-{number:08d}",
        "product/ProductName": "Amazon Elastic Compute Cloud",
        "product/region": "eu-central-1",
        "product/sku": "SKU1",
        "pricing/unit": "Hrs",
        "pricing/publicOnDemandCost": cost,
        "pricing/term": "OnDemand",
        "resourceTags/user:team": "blue" if number % 2 else "",
        "savingsPlan/SavingsPlanARN": "",
        "savingsPlan/SavingsPlanEffectiveCost": "",
        "savingsPlan/TotalCommitmentToDate": "",
        "savingsPlan/UsedCommitment": "",
    }
    return usual | {name.replace("__", "/"): value for name, value in given.items()}


class Puts(Protocol):
    """A store into which objects are written."""

    def put(self, bucket: str, key: str, content: bytes) -> None:
        """Write an object."""
        ...


Store = TypeVar("Store", bound=Puts)


@dataclass(frozen=True)
class Report(Generic[Store]):
    """A legacy report under `<prefix>/<name>/` of a bucket; it overwrites each period in place."""

    store: Store
    bucket: str
    prefix: str = "exports"
    name: str = "cur"

    def deliver(self, period: date, rows: Sequence[Row], *, files: int = 1, columns: Sequence[str] = ()) -> str:
        """Write the rows of a period into this number of files, then the manifest; return its key."""
        names = list(columns or rows[0])
        keys = [self._key(period, f"{self.name}-{number + 1:05d}.csv.gz") for number in range(files)]
        for number, key in enumerate(keys):
            self.store.put(self.bucket, key, gzip.compress(csv_of(rows[number::files], names)))
        return self.deliver_manifest(period, keys, names)

    def deliver_manifest(self, period: date, keys: Sequence[str], columns: Sequence[str] = (), **other: Any) -> str:
        """Write the manifest of a period; return its key."""
        key, end = self._key(period, f"{self.name}-Manifest.json"), next_month(period)
        split = [name.partition("/") for name in columns]
        content = {
            "assemblyId": "00000000-0000-0000-0000-000000000001",
            "columns": [{"category": category, "name": name} for category, _, name in split],
            "compression": "GZIP",
            "contentType": "text/csv",
            "reportName": self.name,
            "billingPeriod": {"start": f"{period:%Y%m%d}T000000.000Z", "end": f"{end:%Y%m%d}T000000.000Z"},
            "bucket": self.bucket,
            "reportKeys": list(keys),
        }
        self.store.put(self.bucket, key, json.dumps(content | other).encode())
        return key

    def _key(self, period: date, file: str) -> str:
        return f"{self.prefix}/{self.name}/{period:%Y%m%d}-{next_month(period):%Y%m%d}/{file}"


def put_period(store: MemoryStore, period: date, rows: Sequence[Row]) -> None:
    """Write a legacy report's period into a store in memory, in one file, and then its manifest."""
    folder = f"exports/cur/{period:%Y%m%d}-{next_month(period):%Y%m%d}"
    names = list(rows[0] if rows else line(period, 1, "1"))
    store.put(f"{folder}/cur-1.csv", csv_of(rows, names))
    manifest = {"reportKeys": [f"{folder}/cur-1.csv"], "assemblyId": str(store.writes)}
    store.put(f"{folder}/cur-Manifest.json", json.dumps(manifest).encode())


def csv_of(rows: Sequence[Row], names: Sequence[str]) -> bytes:
    """Return the rows as a CSV file with a header."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(names), extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def deliver_cur2(store: Puts, bucket: str, period: date, rows: Sequence[Row], *, prefix: str = "exports") -> str:
    """Write a period as CUR 2.0 in Parquet, with a Data Exports manifest; return its key."""
    root = f"{prefix}/cur2"
    data = f"{root}/data/BILLING_PERIOD={period:%Y-%m}/cur2-00001.snappy.parquet"
    store.put(bucket, data, parquet_of(rows))
    key = f"{root}/metadata/BILLING_PERIOD={period:%Y-%m}/cur2-Manifest.json"
    store.put(bucket, key, json.dumps({"dataFiles": [f"s3://{bucket}/{data}"]}).encode())
    return key


def parquet_of(rows: Sequence[Row]) -> bytes:
    """Return legacy rows as CUR 2.0 has them: numbers as doubles, moments as timestamps, products and tags as maps."""
    columns: dict[str, Any] = {}
    for name in rows[0]:
        category, _, rest = name.partition("/")
        values = [row[name] or None for row in rows]
        if category in ("product", "resourceTags"):
            continue
        column = f"{_snake(category)}_{_snake(rest)}"
        if rest.endswith(("Cost", "Rate", "Amount", "Commitment", "ToDate")):
            columns[column] = pa.array([float(value) if value else None for value in values], pa.float64())
        elif rest.endswith("Date"):
            naive = [value.removesuffix("Z") if value else None for value in values]
            columns[column] = pa.array(naive, pa.string()).cast(pa.timestamp("ms"))
        else:
            columns[column] = pa.array(values, pa.string())
    columns["product"] = _map(rows, "product/")
    columns["resource_tags"] = _map(rows, "resourceTags/")
    sink = io.BytesIO()
    parquet.write_table(pa.table(columns), sink, compression="snappy", row_group_size=100)
    return sink.getvalue()


def _map(rows: Sequence[Row], start: str) -> Any:
    found = [
        [(_snake(name.removeprefix(start).replace(":", "_")), row[name]) for name in row if name.startswith(start)]
        for row in rows
    ]
    given = [[(key, value) for key, value in items if value] for items in found]
    return pa.array(given, pa.map_(pa.string(), pa.string()))


def _snake(name: str) -> str:
    return "".join(f"_{sign.lower()}" if sign.isupper() else sign for sign in name).lstrip("_")


def total(rows: Sequence[Row]) -> Decimal:
    """Return the cost that usage lines bill in total."""
    return sum((Decimal(row[_COST]) for row in rows), Decimal(0))
