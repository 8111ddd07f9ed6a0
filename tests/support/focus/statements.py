"""Runs the FOCUS statements of a template over tables that a test fills."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from google.cloud import bigquery

from shared.adapters.bigquery.staging import staging_schema
from shared.configuration.lookups import get_lookup
from shared.configuration.tables import get_table
from shared.configuration.templates import get_template
from shared.domain.templates.templates import Template
from shared.pipeline.statements import whole_statement

Json = dict[str, Any]

TEMPLATE = get_template("gcp", "cost", "billing")


@dataclass(frozen=True)
class Statements:
    """Statements of a template, run in one dataset as the operator; `exported` is the table its export is staged as."""

    client: bigquery.Client
    dataset: str
    template: Template = TEMPLATE
    exported: str = "gcp_cost_billing"

    def staged(self, rows: Sequence[Json]) -> str:
        """A table with the export's rows, as the extract leaves them."""
        table = f"extract_{uuid.uuid4().hex[:12]}"
        config = bigquery.LoadJobConfig(schema=staging_schema(get_table("tenant_dataset", self.exported)))
        self.client.load_table_from_json(list(rows), f"{self.dataset}.{table}", job_config=config).result()
        return table

    def focus_table(self, extract: str) -> str:
        """A table with the result of the focus step for a staged export."""
        table = f"focus_{uuid.uuid4().hex[:12]}"
        config = bigquery.QueryJobConfig(destination=f"{self.client.project}.{self.dataset}.{table}")
        self._query("focus_rows", {"extract": extract}, config)
        return table

    def focus(self, rows: Sequence[Json]) -> list[Json]:
        """The FOCUS rows of the export's rows."""
        return self._query("focus_rows", {"extract": self.staged(rows)}, bigquery.QueryJobConfig())

    def failing(self, check: str, table: str, extract: str, **values: Any) -> list[Json]:
        """The rows of a FOCUS table and of its export that a check's statement returns.

        `values` are those of its parameters that are no lookups.
        """
        return self._query(check, {"focus": table, "extract": extract}, bigquery.QueryJobConfig(), values)

    def months(self, table: str) -> dict[str, int]:
        """The number of rows of a FOCUS table that are billed in each month."""
        month = "FORMAT_TIMESTAMP('%F', BillingPeriodStart, 'America/Los_Angeles')"
        sql = f"SELECT {month} AS month, COUNT(*) AS row_count FROM {self.dataset}.{table} GROUP BY month"
        return {row["month"]: row["row_count"] for row in self.client.query_and_wait(sql)}

    def values(self, table: str, column: str) -> list[Any]:
        """A column of a FOCUS table."""
        return [row[0] for row in self.client.query_and_wait(f"SELECT {column} FROM {self.dataset}.{table}")]

    def planted(self, table: str, change: str) -> str:
        """A copy of a FOCUS table with one change, an UPDATE's SET and WHERE or a whole INSERT of `{table}`."""
        copy = f"planted_{uuid.uuid4().hex[:12]}"
        self.client.query_and_wait(f"CREATE TABLE {self.dataset}.{copy} AS SELECT * FROM {self.dataset}.{table}")
        if change.startswith("INSERT"):
            self.client.query_and_wait(change.format(table=f"{self.dataset}.{copy}"))
        else:
            self.client.query_and_wait(f"UPDATE {self.dataset}.{copy} SET {change}")
        return copy

    def _query(
        self,
        name: str,
        tables: dict[str, str],
        config: bigquery.QueryJobConfig,
        values: Mapping[str, Any] = MappingProxyType({}),
    ) -> list[Json]:
        found = whole_statement(self.template, name)
        found = found.naming(**{step: f"{{dataset}}.{table}" for step, table in tables.items()})
        config.query_parameters = found.query_parameters(
            {
                name: values[name] if name in values else get_lookup(self.template, name).text
                for name in found.parameters
            }
        )
        rows = self.client.query(found.sql(dataset=self.dataset), job_config=config).result()
        return [dict(row.items()) for row in rows]


def row(**changes: Any) -> Json:
    """A row of the detailed export as it is staged: an hour of a machine for 1 dollar, unless changed."""
    usual: Json = {
        "billing_account_id": "01AAAA-BBBBBB-CCCCCC",
        "service": {"id": "6F81-5844-456A", "description": "Compute Engine"},
        "sku": {"id": "2E27-4F75-95CD", "description": "N1 Predefined Instance Core running in Americas"},
        "usage_start_time": "2026-09-10T10:00:00Z",
        "usage_end_time": "2026-09-10T11:00:00Z",
        "export_time": "2026-09-10T18:00:00Z",
        "project": {"id": "shop-prod", "number": "1", "name": "Shop production", "labels": []},
        "location": {"location": "us-central1-a", "country": "US", "region": "us-central1", "zone": "us-central1-a"},
        "resource": {
            "name": "vm-1",
            "global_name": "//compute.googleapis.com/projects/1/zones/us-central1-a/instance/7",
        },
        "price": {"effective_price": "1", "list_price": "1", "tier_start_amount": "0", "pricing_unit_quantity": "1"},
        "transaction_type": "GOOGLE",
        "seller_name": "Google LLC",
        "cost": "1",
        "cost_at_list": "1",
        "currency": "USD",
        "currency_conversion_rate": 1.0,
        "usage": {"amount": 3600.0, "unit": "seconds", "amount_in_pricing_units": 1.0, "pricing_unit": "hour"},
        "credits": [],
        "consumption_model": {"id": "7754-699E-0EBF", "description": "Default"},
        "invoice": {"month": "202609"},
        "cost_type": "regular",
        "x_source": "gcp:acme-prod.billing.export",
        "x_pipeline_logging_id": "a-run",
        "x_ingested_at": "2026-09-11T00:00:00Z",
    }
    made = usual | changes
    return made | {"x_usage_date": made["usage_start_time"][:10]}


def credit(kind: str, amount: str, **changes: Any) -> Json:
    """One entry of a row's credits."""
    return {"type": kind, "amount": amount, "name": kind, "full_name": kind, "id": kind} | changes


def fee(subscription: str, cost: str, **changes: Any) -> Json:
    """The hour's fee of a resource-based commitment."""
    changed = {
        "sku": {"id": "9A5C-7E2B-41D3", "description": "Commitment v1: Cpu in Americas for 1 Year"},
        "resource": {"name": None, "global_name": None},
        "price": {"effective_price": cost, "list_price": cost, "tier_start_amount": "0", "pricing_unit_quantity": "1"},
        "subscription": {"instance_id": subscription},
        "cost": cost,
        "cost_at_list": cost,
    }
    return row(**changed | changes)


def object_of(value: str | Json) -> Json:
    """The value of a JSON column."""
    found: Json = json.loads(value) if isinstance(value, str) else value
    return found
