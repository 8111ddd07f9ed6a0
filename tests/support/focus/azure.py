"""The FOCUS statements of azure/cost/billing over rows of a test's own, or of exports made elsewhere."""

from __future__ import annotations

import csv
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from google.cloud import bigquery

from shared.adapters.bigquery.sql import Statement, placeholders
from shared.adapters.bigquery.staging import staging_schema
from shared.configuration.platform_config import CONFIGS
from shared.configuration.tables import get_table
from shared.configuration.templates import get_template
from shared.pipeline.statements import template_statements, whole_statement

Json = dict[str, Any]
FOLDER = CONFIGS / "azure"
EXPORTS = Path(__file__).resolve().parents[4] / "shared" / "data" / "azure"
_ALIASES = {
    "cost": "CostInBillingCurrency",
    "invoicesection": "InvoiceSectionName",
    "resourcegroupname": "ResourceGroup",
}
_COLUMNS = {column.name.lower(): column for column in get_table("tenant_dataset", "azure_cost_billing").columns}


def lookup(name: str) -> str:
    """A CSV file of configs/azure as a run hands it over."""
    with (FOLDER / f"{name}.csv").open(encoding="utf-8", newline="") as lines:
        return json.dumps(list(csv.DictReader(lines)))


def statements() -> Mapping[str, Statement]:
    """All statements of the template, with the included ones filled in. One of them is not sent by any run."""
    template = get_template("azure", "cost", "billing")
    return {name: whole_statement(template, name) for name in template_statements(template)}


@dataclass(frozen=True)
class AzureStatements:
    """Statements of the template, run in one dataset as the operator."""

    client: bigquery.Client
    dataset: str

    def staged(self, rows: Sequence[Json]) -> str:
        """A table with rows of the exports, as a connector leaves them."""
        table = f"azure_{uuid.uuid4().hex[:12]}"
        config = bigquery.LoadJobConfig(schema=staging_schema(get_table("tenant_dataset", "azure_cost_billing")))
        self.client.load_table_from_json(list(rows), f"{self.dataset}.{table}", job_config=config).result()
        return table

    def focus_table(self, extract: str) -> str:
        """A table with the result of the focus step for staged rows."""
        table = f"focus_{uuid.uuid4().hex[:12]}"
        config = bigquery.QueryJobConfig(destination=f"{self.client.project}.{self.dataset}.{table}")
        self.ask("focus_rows", config, extract=extract)
        return table

    def ask(self, name: str, config: bigquery.QueryJobConfig | None = None, /, **tables: str) -> list[Json]:
        """The rows that a statement answers over these tables."""
        config = config or bigquery.QueryJobConfig()
        known = {
            "azure_service_categories": lookup("service_categories"),
            "azure_units": lookup("units"),
            "source": "azure:acmecosts/exports",
            "dates": sorted({date(2026, 9, 1), date(2023, 9, 1)}),
        }
        statement = statements()[name].naming(**{key: f"{{dataset}}.{table}" for key, table in tables.items()})
        config.query_parameters = statement.query_parameters({key: known[key] for key in statement.parameters})
        job = self.client.query(statement.sql(**dict.fromkeys(placeholders(statement.text), self.dataset)), config)
        return [dict(row) for row in job.result()]


def rows_of(export: Path, kind: str) -> Iterator[Json]:
    """An export's rows under the table's names, dates read and empty texts left out."""
    with export.open(encoding="utf-8-sig", newline="") as lines:
        for each in csv.DictReader(lines):
            named = {_ALIASES.get(str(name).lower(), str(name)): value for name, value in each.items() if value}
            row = {
                _COLUMNS[name.lower()].name: _read(_COLUMNS[name.lower()].type, value)
                for name, value in named.items()
                if name.lower() in _COLUMNS
            }
            yield row | _own(row["Date"], kind)


def row(**changes: Any) -> Json:
    """A row of an amortised export with an hour of a machine, changed."""
    usual: Json = {
        "BillingAccountId": "8611537",
        "BillingAccountName": "Acme",
        "BillingPeriodStartDate": "2026-09-01",
        "BillingPeriodEndDate": "2026-09-30",
        "SubscriptionId": "ed570627-0265-4620-bb42-bae06bcfa914",
        "SubscriptionName": "Shop",
        "Date": "2026-09-04",
        "ProductName": "Virtual Machines BS Series - B2s - US East",
        "PartNumber": "AAA-68652",
        "MeterId": "2c57ed84-f939-4f5c-ba90-782349a367b8",
        "MeterCategory": "Virtual Machines",
        "MeterName": "B2s",
        "Quantity": "10",
        "UnitPrice": "0.5",
        "PayGPrice": "0.6",
        "CostInBillingCurrency": "5",
        "BillingCurrency": "USD",
        "UnitOfMeasure": "1 Hour",
        "ChargeType": "Usage",
        "Frequency": "UsageBased",
        "PricingModel": "OnDemand",
        "PublisherType": "Azure",
        "ResourceLocation": "EastUS",
        "ResourceId": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm-1",
        "ConsumedService": "Microsoft.Compute",
    }
    made = usual | changes
    return made | _own(made["Date"], "AMORTIZED") | {key: changes[key] for key in changes if key.startswith("x_")}


def _own(day: str, kind: str) -> Json:
    return {
        "x_export_kind": kind,
        "x_agreement_type": "EA",
        "x_billing_period": f"{day[:8]}01",
        "x_source": "azure:acmecosts/exports",
        "x_usage_date": day,
        "x_pipeline_logging_id": "a-run",
        "x_ingested_at": "2026-10-01T00:00:00Z",
    }


def _read(kind: str, value: str) -> Any:
    if kind == "DATE":
        month, day, year = value.split("/") if "/" in value else ("", "", "")
        return f"{year}-{month}-{day}" if year else value
    if kind == "BOOLEAN":
        return value.lower() == "true"
    return value
