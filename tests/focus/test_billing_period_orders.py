"""Billing periods in any order, with repeated and interrupted runs, give the tables of one clean load."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from io import BytesIO
from itertools import count
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from google.cloud import bigquery
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.adapters.bigquery.staging import staging_schema
from shared.configuration.tables import get_table
from shared.configuration.templates import get_template
from shared.connectors.aws.billing_files import AwsBillingFiles
from shared.connectors.azure.billing_files import AzureBillingFiles
from shared.connectors.focus.billing_files import FocusFiles
from shared.connectors.objects.billing_files import BillingFiles
from shared.domain.templates.templates import Template
from shared.pipeline.publish import publish_statement
from tests.support import azure_exports
from tests.support.aws_exports import line, put_period
from tests.support.focus import files
from tests.support.stored_objects import BEGIN, MemoryStore

PERIODS = [date(2026, 8, 1), date(2026, 9, 1), date(2026, 10, 1)]
# Either a delivery: its period, and costs by the month that they are for. Or None for the period: a run, which
# publishes or is interrupted.
DELIVERIES = st.tuples(
    st.sampled_from(PERIODS), st.lists(st.tuples(st.sampled_from(PERIODS), st.integers(-3, 9)), max_size=3)
)
RUNS = st.tuples(st.none(), st.booleans())


def put_aws(store: MemoryStore, period: date, charges: list[tuple[date, int]]) -> None:
    """Deliver a legacy report of AWS."""
    lines = [
        line(period, number, str(cost), lineItem__UsageStartDate=f"{month}T00:00:00Z")
        for number, (month, cost) in enumerate(charges)
    ]
    put_period(store, period, lines)


def put_azure(store: MemoryStore, period: date, charges: list[tuple[date, int]]) -> None:
    """Deliver a cost export of Azure, each time into new folders."""
    rows = [
        azure_exports.charge(period, number, str(cost), Date=f"{month}") for number, (month, cost) in enumerate(charges)
    ]
    export = azure_exports.Export(store.put, runs=count(store.writes))
    export.deliver(period, rows, columns=list(azure_exports.charge(period, 1, "1")))


def put_focus(store: MemoryStore, period: date, charges: list[tuple[date, int]]) -> None:
    """Write a FOCUS file of anybody over the one before."""
    columns = files.charge("1", period)
    rows = [
        files.charge(str(cost), period, ChargePeriodStart=f"{month}", ResourceId=f"{number}/{store.writes}")
        for number, (month, cost) in enumerate(charges)
    ]
    store.put(f"exports/oracle-{period:%Y-%m}.csv", files.csv_of(rows, list(columns)))


@dataclass(frozen=True)
class Pipeline:
    """A pipeline by billing period: its template, connector, the cost's column, and how a period is delivered."""

    template: Template
    kind: type[BillingFiles]
    cost: str
    put: Callable[[MemoryStore, date, list[tuple[date, int]]], None]


PIPELINES = {
    "aws": Pipeline(get_template("aws", "cost", "billing"), AwsBillingFiles, "line_item_unblended_cost", put_aws),
    "azure": Pipeline(get_template("azure", "cost", "billing"), AzureBillingFiles, "CostInBillingCurrency", put_azure),
    "focus": Pipeline(get_template("focus", "cost", "file"), FocusFiles, "BilledCost", put_focus),
}
SOURCE = "a-cloud:bills/exports"


@dataclass
class World:
    """The simulated bucket and the tenant's table of a provider's rows."""

    client: bigquery.Client
    dataset: str
    pipeline: Pipeline
    store: MemoryStore = field(default_factory=MemoryStore)
    published: dict[str, str] = field(default_factory=dict)
    newest: dict[date, list[tuple[date, int]]] = field(default_factory=dict)

    def deliver(self, period: date, charges: list[tuple[date, int]]) -> None:
        """Deliver a period again, with these charges."""
        self.pipeline.put(self.store, period, charges)
        self.newest[period] = charges

    @property
    def table(self) -> str:
        """The table of the provider's rows."""
        return self.pipeline.kind.table

    def run(self, *, is_published: bool) -> None:
        """Make a run without dates. An interrupted run stages its rows and does not publish them."""
        found = self.pipeline.kind(self.store, SOURCE, "run", BEGIN + timedelta(days=1))
        selected = found.changed(self.published) if self.newest else []
        batches = list(found.batches(selected))
        if not selected or not is_published:
            return
        self.replace([each.period for each in selected], batches)
        self.published |= {str(each.period): each.digest for each in selected}

    def replace(self, periods: list[date], batches: list[pa.RecordBatch]) -> None:
        """Change the table by the statement of a publish."""
        script = publish_statement(self.pipeline.template, dict.fromkeys(["extract", "focus"], "{dataset}.staged")).text
        merge = next(part for part in script.split("\n\n") if part.startswith(f"MERGE {{dataset}}.`{self.table}`"))
        self.load("staged", batches)
        values = [
            bigquery.ScalarQueryParameter(f"{self.table}_source", "STRING", SOURCE),
            bigquery.ArrayQueryParameter(f"{self.table}_dates", "DATE", periods),
        ]
        config = bigquery.QueryJobConfig(query_parameters=values)
        self.client.query_and_wait(merge.replace("{dataset}", self.dataset), job_config=config)

    def load(self, name: str, batches: list[pa.RecordBatch]) -> None:
        """Make a table of these rows."""
        table = get_table("tenant_dataset", self.table)
        self.client.delete_table(f"{self.dataset}.{name}", not_found_ok=True)
        self.client.create_table(
            bigquery.Table(f"{self.client.project}.{self.dataset}.{name}", schema=staging_schema(table))
        )
        if batches:
            sink = BytesIO()
            pq.write_table(pa.Table.from_batches(batches), sink)
            sink.seek(0)
            config = bigquery.LoadJobConfig(schema=staging_schema(table), source_format="PARQUET")
            self.client.load_table_from_file(sink, f"{self.dataset}.{name}", job_config=config).result()

    def rows(self) -> list[Mapping[str, Any]]:
        """The published cost by source, billing period and day."""
        found = self.client.query_and_wait(
            "SELECT x_source AS source, x_billing_period AS period, x_usage_date AS day,"
            f" CAST({self.pipeline.cost} AS INT64) AS cost FROM {self.dataset}.{self.table}"
        )
        return sorted((dict(row.items()) for row in found), key=str)


@pytest.fixture(scope="module")
def dataset(bigquery_client: bigquery.Client) -> Iterator[str]:
    name = f"orders_{uuid.uuid4().hex[:12]}"
    bigquery_client.create_dataset(name)
    yield name
    bigquery_client.delete_dataset(name, delete_contents=True)


@pytest.mark.parametrize("name", PIPELINES)
def test_any_order_of_deliveries_and_runs_gives_the_newest_of_each_period(
    bigquery_client: bigquery.Client, dataset: str, name: str
) -> None:
    @settings(max_examples=4)
    @given(steps=st.lists(DELIVERIES | RUNS, min_size=1, max_size=7))
    def check(steps: list[Any]) -> None:
        world = World(bigquery_client, dataset, PIPELINES[name])
        world.load(world.table, [])
        bigquery_client.query_and_wait(
            f"INSERT INTO {dataset}.{world.table} (x_source, x_billing_period, x_usage_date, {world.pipeline.cost})"
            " VALUES ('others', DATE '2026-09-01', DATE '2026-09-01', 7)"
        )
        for period, given_ in steps:
            if period is None:
                world.run(is_published=given_)
            else:
                world.deliver(period, given_)
        world.run(is_published=True)
        others = {"source": "others", "period": PERIODS[1], "day": PERIODS[1], "cost": 7}
        wanted = [
            {"source": SOURCE, "period": period, "day": day, "cost": cost}
            for period, charges in world.newest.items()
            for day, cost in charges
        ]
        assert world.rows() == sorted([others, *wanted], key=str)

    check()
