"""Compares a page of costs that reads focus_cost_daily with the same page over the rows of focus_cost.

Both pages are the statement of GET costs: 30 days by service and day, compared with the 30 days before. They run on one
devcloud within the same minute. A tenant has 90 days of synthetic charges: 40 services in 50 subaccounts and two
regions, and a resource for each charge. Bytes are those of the read columns and days by BigQuery's documented
sizes of types, and at least 10 MB for each table. CPU is that of devcloud. Both answers have to be equal.
"""

from __future__ import annotations

import argparse
import resource
import uuid
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table as Shown

from benchmarks.parts.executor_run import bench
from devcloud.clients import warehouse_of
from shared.adapters.bigquery.costs import LEAST_BILLED_BYTES
from shared.adapters.bigquery.sql import Statement
from shared.adapters.bigquery.warehouse import Warehouse
from shared.adapters.stores.cost_statements import CHARGES, DAILY, Table, costs_statement
from shared.adapters.stores.tenant_tables import make_table
from shared.configuration.tables import get_table
from shared.domain.costs import CostRequest
from shared.domain.templates.templates import Target
from shared.pipeline.daily_costs import all_added_up

ROWS, PAGES = 10_000_000, 5
PRICE = 6.25 / 2**40  # dollars for a byte: BigQuery's list price on demand is $6.25 for a TiB
MOST_SHARE = 0.2  # of the bytes and of the CPU that the page over the rows takes
_BATCH = 1_000_000
_TEXTS = ("BillingCurrency", "ServiceName", "ProviderName", "x_source")
# Beside the charges a page reads the billing periods, the restatements and, for the sums, the run log.
_OTHERS: dict[Table, int] = {CHARGES: 2, DAILY: 3}
_GIVEN = {
    "ChargePeriodStart": "TIMESTAMP(DATE_ADD(DATE '2025-09-01', INTERVAL MOD(n, 90) DAY))",
    "ChargePeriodEnd": "TIMESTAMP(DATE_ADD(DATE '2025-09-02', INTERVAL MOD(n, 90) DAY))",
    "BillingPeriodStart": "TIMESTAMP(DATE_TRUNC(DATE_ADD(DATE '2025-09-01', INTERVAL MOD(n, 90) DAY), MONTH))",
    "BillingCurrency": "'USD'",
    "ProviderName": "'Google Cloud'",
    "SubAccountId": "CONCAT('project-', CAST(MOD(DIV(n, 90), 50) AS STRING))",
    "ServiceName": "CONCAT('Service ', CAST(MOD(DIV(n, 90) * 7 + DIV(n, 4500), 40) AS STRING))",
    "ServiceCategory": "CONCAT('Category ', CAST(MOD(DIV(n, 90) * 7 + DIV(n, 4500), 8) AS STRING))",
    "RegionId": "CONCAT('region-', CAST(MOD(DIV(n, 45000), 2) AS STRING))",
    "ResourceId": "CONCAT('resource-', CAST(n AS STRING))",
    "BilledCost": "CAST(MOD(n, 1009) AS NUMERIC) / 1000",
    "x_source": "'gcp:acme.billing.export'",
}
_CONSTANTS = {"STRING": "'x'", "NUMERIC": "NUMERIC '1'", "TIMESTAMP": "TIMESTAMP '2025-12-01'"}


@dataclass(frozen=True)
class Page:
    """The cost of a page: the bytes that BigQuery would bill, the CPU of one page, and its sums."""

    bytes_billed: int
    cpu_seconds: float
    sums: list[dict[str, Any]]


def main() -> None:
    """Measure both pages and print them beside each other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=ROWS, help="charges in focus_cost")
    rows = parser.parse_args().rows
    with bench() as opened:
        client = opened.executions.client
        warehouse, dataset = warehouse_of(client), f"tenant_{uuid.uuid4().hex[:12]}"
        client.create_dataset(dataset)
        for name in (CHARGES, DAILY, "focus_billing_period", "x_meta_restatements", "x_meta_pipeline_runs"):
            make_table(warehouse, dataset, get_table("tenant_dataset", name))
        for first in range(0, rows, _BATCH):
            warehouse.change(_charges(first, min(rows, first + _BATCH)), {}, dataset=dataset)
        warehouse.change(
            all_added_up(Target(table=CHARGES, step="focus", date_column="ChargePeriodStart", billed="x")),
            {},
            dataset=dataset,
        )
        (counted,) = client.query_and_wait(f"SELECT COUNT(*) AS n FROM {dataset}.{DAILY}")
        pages = {table: _page(warehouse, dataset, table) for table in (CHARGES, DAILY)}
    assert pages[CHARGES].sums == pages[DAILY].sums, "both pages have the same sums, to the last digit"
    _show(rows, counted["n"], pages)


def _charges(first: int, end: int) -> Statement:
    columns = [column for column in get_table("tenant_dataset", CHARGES).columns if column.mode == "REQUIRED"]
    values = {column.name: _CONSTANTS[column.type] for column in columns} | _GIVEN
    return Statement(
        "charges",
        f"INSERT INTO {{dataset}}.{CHARGES} ({', '.join(values)}) SELECT {', '.join(values.values())}"
        f" FROM UNNEST(GENERATE_ARRAY({first}, {end - 1})) AS n",
        {},
    )


def _page(warehouse: Warehouse, dataset: str, table: Table) -> Page:
    days = {"from": "2025-10-01", "to": "2025-10-30", "compare": "previous_period"}
    asked = costs_statement(CostRequest.model_validate(days), table=table)
    (read,) = warehouse.read(_bytes_of(table), {}, dataset=dataset)
    bytes_billed = max(read["bytes"], LEAST_BILLED_BYTES) + _OTHERS[table] * LEAST_BILLED_BYTES
    before = resource.getrusage(resource.RUSAGE_SELF)
    for _ in range(PAGES):
        ((found), *_), _bytes = warehouse.read_measured(asked.statement, asked.values, dataset=dataset)
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / PAGES
    return Page(bytes_billed, cpu, sorted(found["sums"], key=lambda row: [str(value) for value in row.values()]))


def _bytes_of(table: Table) -> Statement:
    """The bytes of the columns that the page reads. A TIMESTAMP has 8, a NUMERIC 16, a STRING 2 more than its text."""
    texts = " + ".join(f"2 + BYTE_LENGTH({name})" for name in _TEXTS)
    return Statement("bytes_of", f"SELECT SUM(8 + 16 + {texts}) AS bytes FROM {{dataset}}.{table}", {})


def _show(rows: int, added_up: int, pages: dict[Table, Page]) -> None:
    console, table = Console(), Shown(title=f"A page of costs: {rows:,} charges, {added_up:,} rows in {DAILY}")
    for column in ("table", "bytes billed", "CPU of devcloud", "1,000 pages at list price"):
        table.add_column(column, justify="left" if column == "table" else "right")
    for name, page in pages.items():
        price = f"${1000 * page.bytes_billed * PRICE:,.2f}"
        table.add_row(name, f"{page.bytes_billed / 1e6:,.0f} MB", f"{page.cpu_seconds:.2f} s", price)
    console.print(table)
    for what, share in (
        ("bytes", pages[DAILY].bytes_billed / pages[CHARGES].bytes_billed),
        ("CPU", pages[DAILY].cpu_seconds / pages[CHARGES].cpu_seconds),
    ):
        goal = "met" if share <= MOST_SHARE else "missed"
        console.print(f"{what}: {share:.3f} of the page over the rows; at most {MOST_SHARE} is {goal}")


if __name__ == "__main__":
    main()
