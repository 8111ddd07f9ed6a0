"""FOCUS files for tests: a charge in the form of any version, and staging tables of whatever a connector reads."""

from __future__ import annotations

import csv
import io
import uuid
from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
from google.cloud import bigquery

from shared.adapters.bigquery.staging import staging_schema
from shared.configuration.tables import get_table
from shared.connectors.objects.billing_files import BillingFiles
from shared.domain.object_stores import ObjectStore
from tests.support.aws_exports import next_month
from tests.support.focus.statements import Statements
from tests.support.stored_objects import BEGIN

Row = Mapping[str, str]
SEPTEMBER = date(2026, 9, 1)


def charge(cost: str = "1", period: date = SEPTEMBER, **given: str) -> dict[str, str]:
    """An hour of a machine in a FOCUS 1.0 file, as a provider without gaps writes it; `given` overrides."""
    return {
        "BilledCost": cost,
        "BillingAccountId": "acme",
        "BillingAccountName": "Acme",
        "BillingCurrency": "USD",
        "BillingPeriodStart": f"{period}T00:00:00Z",
        "BillingPeriodEnd": f"{next_month(period)}T00:00:00Z",
        "ChargeCategory": "Usage",
        "ChargeClass": "",
        "ChargeDescription": "an hour of a machine",
        "ChargeFrequency": "Usage-Based",
        "ChargePeriodStart": f"{period}T10:00:00Z",
        "ChargePeriodEnd": f"{period}T11:00:00Z",
        "CommitmentDiscountCategory": "",
        "CommitmentDiscountId": "",
        "CommitmentDiscountName": "",
        "CommitmentDiscountStatus": "",
        "CommitmentDiscountType": "",
        "ConsumedQuantity": "1",
        "ConsumedUnit": "Hours",
        "ContractedCost": cost,
        "ContractedUnitPrice": cost,
        "EffectiveCost": cost,
        "InvoiceIssuerName": "Oracle",
        "ListCost": cost,
        "ListUnitPrice": cost,
        "PricingCategory": "Standard",
        "PricingQuantity": "1",
        "PricingUnit": "Hours",
        "ProviderName": "Oracle",
        "PublisherName": "Oracle",
        "RegionId": "eu-frankfurt-1",
        "RegionName": "Frankfurt",
        "ResourceId": "ocid1.instance.1",
        "ResourceName": "vm-1",
        "ResourceType": "instance",
        "ServiceCategory": "Compute",
        "ServiceName": "Compute",
        "SkuId": "B91961",
        "SkuPriceId": "B91961/1",
        "SubAccountId": "tenancy",
        "SubAccountName": "Shop",
        "Tags": '{"team": "blue"}',
        **given,
    }


def csv_of(rows: Sequence[Row], columns: Sequence[str] = ()) -> bytes:
    """The rows as a CSV file; a row has nothing in the columns that it lacks."""
    text = io.StringIO()
    names = columns or list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(text, names, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def parquet_of(rows: Sequence[Row]) -> bytes:
    """The rows as a Parquet file with numbers as doubles, times without zones and tags as maps, as AWS writes it."""
    columns: dict[str, object] = {}
    for name in rows[0]:
        values = [row[name] or None for row in rows]
        if name.endswith(("Cost", "Quantity", "UnitPrice")):
            columns[name] = pa.array([None if value is None else float(value) for value in values], pa.float64())
        elif "Period" in name:
            naive = [value and value.removesuffix("Z") for value in values]
            columns[name] = pa.array(naive, pa.string()).cast(pa.timestamp("ms"))
        elif name == "Tags":
            columns[name] = pa.array([[("team", "blue")]] * len(rows), pa.map_(pa.string(), pa.string()))
        else:
            columns[name] = pa.array(values, pa.string())
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


def staged(statements: Statements, kind: type[BillingFiles], store: ObjectStore) -> str:
    """A staging table with all rows that a connector reads from a store."""
    files = kind(store, "focus:bills/exports", "a-run", BEGIN + timedelta(days=1))
    table, schema = f"extract_{uuid.uuid4().hex[:12]}", staging_schema(get_table("tenant_dataset", files.table))
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_batches(list(files.batches(list(files.deliveries.values())))), sink)
    sink.seek(0)
    config = bigquery.LoadJobConfig(schema=schema, source_format="PARQUET")
    statements.client.load_table_from_file(sink, f"{statements.dataset}.{table}", job_config=config).result()
    return table
