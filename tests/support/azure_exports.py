"""Makes cost exports as Azure lays them out: several files with a manifest, or one file without a manifest."""

from __future__ import annotations

import calendar
import csv
import gzip
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from itertools import count
from typing import Any

import pyarrow as pa
from pyarrow import parquet

Row = Mapping[str, str]
Put = Callable[[str, bytes], object]


def charge(period: date, number: int, cost: str, **given: str) -> dict[str, str]:
    """Return a charge for an hour of a machine, as an enterprise agreement's export has it. `given` replaces fields."""
    last = calendar.monthrange(period.year, period.month)[1]
    return {
        "BillingAccountId": "8611537",
        "BillingAccountName": "Acme",
        "BillingPeriodStartDate": f"{period:%m/%d/%Y}",
        "BillingPeriodEndDate": f"{period.replace(day=last):%m/%d/%Y}",
        "AccountOwnerId": "owner@example.com",
        "SubscriptionId": "ed570627-0265-4620-bb42-bae06bcfa914",
        "SubscriptionName": "Shop",
        "Date": f"{period.replace(day=number % 28 + 1):%m/%d/%Y}",
        "Product": "Virtual Machines BS Series - B2s - US East",
        "PartNumber": "AAA-68652",
        "MeterId": "2c57ed84-f939-4f5c-ba90-782349a367b8",
        "MeterCategory": "Virtual Machines",
        "MeterName": "B2s",
        "Quantity": "1",
        "UnitPrice": cost,
        "PayGPrice": cost,
        "Cost": cost,
        "BillingCurrency": "USD",
        "UnitOfMeasure": "1 Hour",
        "ChargeType": "Usage",
        "Frequency": "UsageBased",
        "PricingModel": "OnDemand",
        "PublisherType": "Azure",
        "ResourceLocation": "EastUS",
        "ResourceId": f"/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm-{number}",
        "ConsumedService": "Microsoft.Compute",
        "Tags": '"team": "blue"',
        **given,
    }


def csv_of(rows: Sequence[Row], columns: Sequence[str]) -> bytes:
    """Return the rows as CSV with a byte order mark, as Azure writes it."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows(rows)
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def parquet_of(rows: Sequence[Row], columns: Sequence[str]) -> bytes:
    """Return the rows as Parquet. All columns are texts."""
    sink: Any = io.BytesIO()
    parquet.write_table(pa.table({name: [row[name] for row in rows] for name in columns}), sink)
    return bytes(sink.getvalue())


ENCODERS: Mapping[str, Callable[[Sequence[Row], Sequence[str]], bytes]] = {
    "csv": csv_of,
    "csv.gz": lambda rows, columns: gzip.compress(csv_of(rows, columns)),
    "snappy.parquet": parquet_of,
}


@dataclass
class Export:
    """An export below a prefix, whose blobs `put` writes."""

    put: Put
    prefix: str = "exports"
    runs: count[int] = field(default_factory=lambda: count(1))

    def deliver(
        self,
        period: date,
        rows: Sequence[Row],
        *,
        files: int = 1,
        ending: str = "csv",
        manifest: Mapping[str, Any] | None = None,
        columns: Sequence[str] = (),
    ) -> list[str]:
        """Write the files of an export's run and then its manifest, and return the files' names.

        The fields in `manifest` replace those of the manifest.
        """
        last = calendar.monthrange(period.year, period.month)[1]
        run = next(self.runs)
        days = f"{period:%Y%m}01-{period:%Y%m}{last}"
        folder = f"{self.prefix}/costs/{days}/2026100300{run:02d}/{run:08d}-1111-4222-8333-444444444444"
        keys = [f"{folder}/part_{number}_0001.{ending}" for number in range(files)]
        for number, key in enumerate(keys):
            self.put(key, ENCODERS[ending](rows[number::files], list(columns or rows[0])))
        manifest_body: dict[str, Any] = {
            "exportConfig": {"exportName": "costs", "type": "ActualCost"},
            "runInfo": {"startDate": f"{period}T00:00:00", "endDate": f"{period.replace(day=last)}T00:00:00"},
            "blobs": [{"blobName": key} for key in keys],
            "blobCount": len(keys),
            "dataRowCount": len(rows),
        }
        self.put(f"{folder}/manifest.json", json.dumps(manifest_body | dict(manifest or {})).encode())
        return keys

    def deliver_file(self, period: date, rows: Sequence[Row]) -> str:
        """Write one file without a manifest, and return its name."""
        last = calendar.monthrange(period.year, period.month)[1]
        key = f"{self.prefix}/costs/{period:%Y%m}01-{period:%Y%m}{last}/costs_{next(self.runs)}.csv"
        self.put(key, csv_of(rows, list(rows[0])))
        return key


def total(rows: Sequence[Row]) -> Decimal:
    """Return the sum that the rows bill."""
    return sum((Decimal(row["Cost"]) for row in rows), Decimal(0))
