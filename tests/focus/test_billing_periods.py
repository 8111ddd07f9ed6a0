"""A billing period becomes final, and a run reports it if its charges change afterwards."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from google.cloud import bigquery

from devcloud.clients import warehouse_of
from shared.adapters.bigquery.sql import Statement
from shared.adapters.stores.tenant_tables import make_table
from shared.configuration.tables import get_table
from shared.domain.templates.templates import Target
from shared.pipeline.billing_periods import TABLE, render_period_checks, settled
from shared.pipeline.check_statements import Checked
from tests.support.focus.statements import TEMPLATE

TARGET = Target(table="focus_cost", step="focus", date_column="ChargePeriodStart", billed="focus_by_day")
COLUMNS = {
    "InvoiceIssuerName": "STRING",
    "BillingPeriodStart": "TIMESTAMP",
    "BillingPeriodEnd": "TIMESTAMP",
    "BillingCurrency": "STRING",
    "InvoiceId": "STRING",
    "BilledCost": "NUMERIC",
    "EffectiveCost": "NUMERIC",
    "ChargePeriodStart": "TIMESTAMP",
    "x_source": "STRING",
}
AUGUST, SEPTEMBER, OCTOBER = (datetime(2026, month, 1, tzinfo=UTC) for month in (8, 9, 10))
DAYS_AFTER = 10
Charge = tuple[date, str, str | None]  # the day, cost and invoice of a charge


@dataclass
class Books:
    """A source's charges and billing periods, published day by day."""

    client: bigquery.Client
    source: str = field(default_factory=lambda: f"gcp:{uuid.uuid4().hex[:12]}")

    def publish(
        self, *charges: Charge, at: datetime, period: datetime = AUGUST, days_after: int | None = DAYS_AFTER
    ) -> list[str]:
        """Publish the days of these charges as they are now, and return the rows of the check final_periods."""
        staged = self._staged(charges, period)
        dates = sorted({day for day, _, _ in charges})
        values = {"source": self.source, "dates": dates}
        checked = Checked({"focus": staged}, {"focus": dates}, {}, {"source": self.source})
        [check] = render_period_checks(TEMPLATE, checked)
        [answer] = self._ask(check.statement, check.values)
        settle = {**values, "pipeline_logging_id": "a-run", "snapshot_at": at, "final_after_days": days_after}
        self._ask(settled(TARGET, staged), settle)
        days = ", ".join(f"'{day}'" for day in dates)
        self._sql(
            f"DELETE FROM books.focus_cost WHERE x_source = '{self.source}' AND DATE(ChargePeriodStart) IN ({days})"
        )
        self._sql(f"INSERT INTO books.focus_cost SELECT * FROM {staged.format(dataset='books')}")
        assert answer["failed_rows"] == len(answer["sample"] or [])
        return list(answer["sample"] or [])

    def periods(self) -> dict[datetime, Mapping[str, Any]]:
        """The source's periods by their start."""
        rows = self._sql(f"SELECT * FROM books.{TABLE} WHERE x_source = '{self.source}'")
        return {row["BillingPeriodStart"]: row for row in rows}

    def _staged(self, charges: tuple[Charge, ...], period: datetime) -> str:
        table = f"staged_{uuid.uuid4().hex[:12]}"
        after = (period + timedelta(days=31)).replace(day=1)
        rows = [
            dict(
                zip(
                    COLUMNS,
                    ("Issuer", str(period), str(after), "USD", invoice, cost, cost, str(day), self.source),
                    strict=True,
                )
            )
            for day, cost, invoice in charges
        ]
        schema = [bigquery.SchemaField(*column) for column in COLUMNS.items()]
        config = bigquery.LoadJobConfig(schema=schema)
        self.client.load_table_from_json(rows, f"books.{table}", job_config=config).result()
        return f"{{dataset}}.{table}"

    def _ask(self, statement: Statement, values: Mapping[str, Any]) -> list[Any]:
        config = bigquery.QueryJobConfig(query_parameters=statement.query_parameters(values))
        return list(self.client.query_and_wait(statement.sql(dataset="books"), job_config=config))

    def _sql(self, sql: str) -> list[Any]:
        return list(self.client.query_and_wait(sql))


@pytest.fixture(scope="module")
def client(bigquery_client: bigquery.Client) -> Iterator[bigquery.Client]:
    """A client of a cloud with a dataset for charges and periods."""
    bigquery_client.create_dataset("books")
    make_table(warehouse_of(bigquery_client), "books", get_table("tenant_dataset", TABLE))
    schema = [bigquery.SchemaField(*column) for column in COLUMNS.items()]
    bigquery_client.create_table(bigquery.Table(f"{bigquery_client.project}.books.focus_cost", schema=schema))
    yield bigquery_client
    bigquery_client.delete_dataset("books", delete_contents=True)


@pytest.fixture
def books(client: bigquery.Client) -> Books:
    """The books of a source without charges."""
    return Books(client)


@pytest.mark.parametrize(
    ("at", "status"),
    [
        (SEPTEMBER + timedelta(days=DAYS_AFTER, seconds=-1), "Open"),
        (SEPTEMBER + timedelta(days=DAYS_AFTER), "Closed"),
    ],
)
def test_a_period_becomes_final_a_number_of_days_after_its_end(books: Books, at: datetime, status: str) -> None:
    assert books.publish((date(2026, 8, 3), "1", None), at=at) == []
    [period] = books.periods().values()
    assert (period["BillingPeriodStatus"], period["x_final_at"] is None) == (status, status == "Open")
    assert (period["BillingPeriodEnd"], period["x_restated_at"]) == (SEPTEMBER, None)


def test_a_period_becomes_final_without_a_publish_of_its_own_days(books: Books) -> None:
    books.publish((date(2026, 8, 3), "1", None), at=SEPTEMBER)
    books.publish((date(2026, 9, 3), "1", None), at=SEPTEMBER + timedelta(days=DAYS_AFTER), period=SEPTEMBER)
    found = {start: row["BillingPeriodStatus"] for start, row in books.periods().items()}
    assert found == {AUGUST: "Closed", SEPTEMBER: "Open"}


@pytest.mark.parametrize(
    ("invoices", "status"), [(["i", "i"], "Closed"), (["i", None], "Open"), ([None, None], "Open")]
)
def test_without_days_a_period_is_final_once_all_its_charges_are_invoiced(
    books: Books, invoices: list[str | None], status: str
) -> None:
    charges = [(date(2026, 8, 3), "1", invoice) for invoice in invoices]
    books.publish(*charges, at=SEPTEMBER + timedelta(days=300), days_after=None)
    [period] = books.periods().values()
    assert period["BillingPeriodStatus"] == status


def test_a_change_of_a_final_period_is_reported(books: Books) -> None:
    late = SEPTEMBER + timedelta(days=DAYS_AFTER)
    books.publish((date(2026, 8, 3), "1", None), (date(2026, 8, 4), "1", None), at=late)
    before = books.periods()[AUGUST]
    assert books.publish((date(2026, 8, 3), "1", None), at=OCTOBER) == [], "the same charges once more change nothing"
    assert books.periods()[AUGUST] == before

    [warning] = books.publish((date(2026, 8, 3), "1.000000001", None), at=OCTOBER)
    after = books.periods()[AUGUST]
    assert '"BillingPeriodStart":"2026-08-01' in warning
    assert before["x_restated_at"] is None
    assert after["x_restated_at"] == after["BillingPeriodLastUpdated"] > before["BillingPeriodLastUpdated"]
    kept = ("BillingPeriodCreated", "BillingPeriodStatus", "x_final_at")
    assert [after[name] for name in kept] == [before[name] for name in kept]


def test_a_change_of_an_open_period_gives_no_warning(books: Books) -> None:
    books.publish((date(2026, 8, 3), "1", None), at=AUGUST)
    created = books.periods()[AUGUST]["BillingPeriodCreated"]
    assert books.publish((date(2026, 8, 3), "2", None), (date(2026, 8, 4), "1", None), at=SEPTEMBER) == []
    period = books.periods()[AUGUST]
    assert (period["BillingPeriodCreated"], period["x_restated_at"]) == (created, None)
    assert period["BillingPeriodLastUpdated"] > created


def test_periods_of_other_sources_do_not_change(books: Books, client: bigquery.Client) -> None:
    other = Books(client)
    other.publish((date(2026, 8, 3), "1", None), at=SEPTEMBER)
    before = other.periods()
    books.publish((date(2026, 8, 3), "1", None), at=OCTOBER)
    assert other.periods() == before
