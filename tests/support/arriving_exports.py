"""Billing exports whose rows arrive over time: single rows, or a month of daily exports, late and corrected."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from google.cloud import bigquery

from devcloud.seed_billing.export import load_schema
from devcloud.seed_billing.rows import Generator, Plan
from tests.support.tenant import Export, Tenant

Json = dict[str, Any]
DAYS, ROWS_PER_DAY = 30, 4
START = date(2025, 11, 1)
NAME = "gcp_billing_export_resource_v1_late"


@dataclass(frozen=True)
class ArrivingExport:
    """An export in a tenant's project, partitioned by arrival like Google's. Tests let rows arrive in it."""

    client: bigquery.Client
    table: str

    def add(self, rows: Sequence[Json], *, partition: str = "") -> None:
        """Let rows arrive: now, or as if they had arrived in a `$` partition."""
        config = bigquery.LoadJobConfig(schema=_schema(), write_disposition="WRITE_APPEND")
        self.client.load_table_from_json(list(rows), f"{self.table}{partition}", job_config=config).result()


def make_export(
    client: bigquery.Client, tenant: Tenant, name: str = NAME, *, granularity: str | None = "DAY"
) -> ArrivingExport:
    """Make an empty export, which becomes the one that the tenant's credential names."""
    client.create_dataset(f"{tenant.project}.billing", exists_ok=True)
    table = bigquery.Table(f"{tenant.project}.billing.{name}", schema=_schema())
    if granularity:
        table.time_partitioning = bigquery.TimePartitioning(type_=granularity)
    client.create_table(table)
    tenant.__dict__["export"] = Export(f"{tenant.project}.billing.{name}", {})
    return ArrivingExport(client, tenant.export.table)


def _schema() -> list[bigquery.SchemaField]:
    return [bigquery.SchemaField.from_api_repr(field) for field in load_schema()]


def usage(day: date, *, exported: datetime, **changes: Any) -> Json:
    """A plain row of a day's usage."""
    row = {
        "billing_account_id": "0123AB-4567CD-89EF01",
        "service": {"id": "6F81-5844-456A", "description": "Compute Engine"},
        "sku": {"id": "2E27-4F75-95CD", "description": "N1 Predefined Instance Core"},
        "usage_start_time": f"{day}T10:00:00Z",
        "usage_end_time": f"{day}T11:00:00Z",
        "export_time": exported.isoformat(),
        "project": {"id": "shop", "name": "Shop", "number": "1"},
        "cost": 1.5,
        "cost_at_list": 1.5,
        "currency": "USD",
        "currency_conversion_rate": 1.0,
        "usage": {"amount": 3600.0, "unit": "seconds", "amount_in_pricing_units": 1.0, "pricing_unit": "hour"},
        "credits": [],
        "invoice": {"month": f"{day:%Y%m}"},
        "cost_type": "regular",
    }
    return row | changes


def month_of_exports(rng: random.Random) -> list[list[Json]]:
    """The rows that each day of the month exports: most of that day, some of earlier days, and corrections.

    All rows of a daily export carry one of two export times, so that many are equal.
    """
    exports: list[list[Json]] = [[] for _ in range(DAYS)]
    for day, rows in Generator(Plan(rng.randrange(10_000), START, DAYS, ROWS_PER_DAY)).days():
        for row in rows:
            late = rng.choice((0, 0, 0, 1, 3, 9, 20))
            number = min((day - START).days + late, DAYS - 1)
            exports[number].append(exported(json.loads(row.text), number, rng))
            if rng.random() < 0.25:
                later = rng.randint(number, DAYS - 1)
                exports[later].append(exported(corrected(json.loads(row.text), rng), later, rng))
    return exports


def exported(row: Json, number: int, rng: random.Random) -> Json:
    """Return the row with a time at which the daily export of this number may have written it."""
    moment = datetime.combine(START, datetime.min.time(), UTC) + timedelta(days=number + 1, hours=rng.choice((2, 8)))
    return row | {"export_time": moment.isoformat()}


def corrected(row: Json, rng: random.Random) -> Json:
    """Return a correction that takes back a part of the row's cost. One in three takes back nothing: it adds a row."""
    factor = rng.choice((0, -0.25, -1))
    information = {"id": f"adj-{rng.randrange(16**8):08x}", "mode": "PARTIAL_CORRECTION", "type": "USAGE_CORRECTION"}
    return row | {"cost": row["cost"] * factor, "credits": [], "adjustment_info": information}
