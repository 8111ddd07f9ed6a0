"""Each kind of line of a Cost and Usage Report becomes FOCUS rows that the official validator accepts."""

from __future__ import annotations

import csv
import json
import subprocess
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from google.cloud import bigquery

from shared.adapters.bigquery.staging import staging_schema
from shared.configuration.tables import get_table, get_views
from shared.configuration.templates import get_template
from shared.connectors.aws.columns import place_columns
from shared.connectors.aws.rows import TABLE, AwsRows
from shared.connectors.objects.decoding import decoded
from shared.connectors.objects.rows import known_columns
from tests.support.aws_exports import csv_of
from tests.support.focus.aws_rows import PLAN, RESERVATION, charge, every_kind, fees, reservation, row, savings_plan
from tests.support.focus.statements import Statements
from tests.support.stored_objects import MemoryStore

Json = dict[str, Any]
ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data" / "aws"
PYTHON = ROOT / ".venvs" / "focus" / "bin" / "python"
CHECKS = [
    "focus_missing_values", "focus_empty_texts", "focus_values_of_1_4", "focus_prices", "focus_charge_periods",
    "focus_billing_periods", "focus_commitments", "focus_unknown_services",
]  # fmt: skip
COSTS = ("BilledCost", "EffectiveCost", "ContractedCost", "ListCost")


@pytest.fixture(scope="module")
def aws(bigquery_client: bigquery.Client) -> Iterator[Statements]:
    dataset = f"aws_{uuid.uuid4().hex[:12]}"
    bigquery_client.create_dataset(dataset)
    yield Statements(bigquery_client, dataset, get_template("aws", "cost", "billing"), "aws_cost_billing")
    bigquery_client.delete_dataset(dataset, delete_contents=True)


@pytest.fixture(scope="module")
def extract(aws: Statements) -> str:
    """A staging table with every kind of line."""
    return aws.staged(every_kind())


@pytest.fixture(scope="module")
def focus(aws: Statements, extract: str) -> str:
    """The FOCUS rows of these lines."""
    return aws.focus_table(extract)


def costs(lines: list[Json]) -> list[tuple[str, str | None, list[str]]]:
    """The category, status and costs of each FOCUS row, cheapest first."""
    found = [
        (line["ChargeCategory"], line["CommitmentDiscountStatus"], [f"{line[cost].normalize():f}" for cost in COSTS])
        for line in lines
    ]
    return sorted(found, key=str)


def test_a_savings_plan_becomes_its_fees_and_the_usage_that_they_pay_for(aws: Statements) -> None:
    found = aws.focus(savings_plan())
    assert costs(found) == [
        ("Purchase", None, ["1", "0", "1", "1"]),
        ("Purchase", None, ["365", "0", "365", "365"]),
        ("Usage", "Unused", ["0", "0.4", "0", "0"]),
        ("Usage", "Used", ["0", "0.6", "1", "1"]),
    ]
    assert {(line["CommitmentDiscountId"], line["CommitmentDiscountCategory"]) for line in found} == {(PLAN, "Spend")}
    assert {line["ChargeFrequency"] for line in found} == {"Recurring", "One-Time", "Usage-Based"}


def test_a_reservation_becomes_its_fees_and_the_usage_that_they_pay_for(aws: Statements) -> None:
    found = aws.focus(reservation())
    assert costs(found) == [
        ("Purchase", None, ["0.8", "0", "0.8", "0.8"]),
        ("Purchase", None, ["100", "0", "100", "100"]),
        ("Usage", "Unused", ["0", "0.3", "0", "0"]),
        ("Usage", "Used", ["0", "0.5", "1", "1"]),
    ]
    discounts = {(line["CommitmentDiscountId"], line["CommitmentDiscountCategory"]) for line in found}
    assert discounts == {(RESERVATION, "Usage")}


@pytest.mark.parametrize(
    ("line", "category", "class_", "billed"),
    [
        (row(line_item_net_unblended_cost="0.9"), "Usage", None, "0.9"),
        (row("Refund", "-0.25"), "Usage", None, "-0.25"),
        (row("Refund", "-0.5", line_item_usage_start_date="2026-08-31T23:00:00Z"), "Usage", "Correction", "-0.5"),
        (charge("Tax", "0.19"), "Tax", None, "0.19"),
        (charge("Refund", "-0.19", line_item_tax_type="VAT"), "Tax", None, "-0.19"),
        (charge("Credit", "-5"), "Credit", None, "-5"),
        (charge("Fee", "29"), "Purchase", None, "29"),
        (charge("EdpDiscount", "-0.1"), "Adjustment", None, "-0.1"),
        (charge("EdpDiscount", "-0.1", line_item_net_unblended_cost="0"), "Adjustment", None, "0"),
    ],
)
def test_each_kind_has_its_category(
    aws: Statements, line: Json, category: str, class_: str | None, billed: str
) -> None:
    (found,) = aws.focus([line])
    assert (found["ChargeCategory"], found["ChargeClass"]) == (category, class_)
    assert (found["BilledCost"], found["EffectiveCost"]) == (Decimal(billed), Decimal(billed))


def test_a_seller_on_the_marketplace_is_the_publisher_and_aws_the_host(aws: Statements) -> None:
    seller = {"bill_billing_entity": "AWS Marketplace", "line_item_legal_entity": "Seller Inc."}
    (found,) = aws.focus([row(product_product_name="A product", line_item_product_code="0a1b2c3d", **seller)])
    names = ("ProviderName", "PublisherName", "ServiceProviderName", "HostProviderName", "ServiceName")
    assert [found[name] for name in names] == ["AWS", "Seller Inc.", "Seller Inc.", "AWS", "A product"]


def test_every_check_passes_on_every_kind_of_line(aws: Statements, focus: str, extract: str) -> None:
    assert {check: aws.failing(check, focus, extract) for check in CHECKS} == {check: [] for check in CHECKS}


def test_fees_that_cover_no_usage_keep_their_cost(aws: Statements) -> None:
    extract = aws.staged(fees())
    focus = aws.focus_table(extract)
    found = {check: aws.failing(check, focus, extract) for check in CHECKS}
    assert found.pop("focus_unknown_services") == [
        {"ServiceName": "A product", "BillingCurrency": "USD", "billed_cost": Decimal(12)}
    ]
    assert found == {check: [] for check in found}
    assert sorted(aws.values(focus, "EffectiveCost")) == [Decimal(12), Decimal(29)]


def report_table(aws: Statements, file: Path) -> str:
    """A staging table with a real report, as the extract leaves it."""
    with file.open(newline="", encoding="utf-8") as opened:
        rows = list(csv.DictReader(opened))
    store = MemoryStore()
    found = store.put("exports/file.csv", csv_of(rows, list(rows[0])))
    columns = place_columns(list(rows[0]), known_columns(TABLE), file=file.name)
    period = date.fromisoformat(rows[0]["bill/BillingPeriodStartDate"][:10])
    shape = AwsRows(columns, "aws:bills/exports", period, "manifest", "a-run", datetime(2026, 10, 2, tzinfo=UTC))
    sink = BytesIO()
    pq.write_table(pa.Table.from_batches([shape.shaped(batch, "f") for batch in decoded(store, found)]), sink)
    name, schema = f"extract_{uuid.uuid4().hex[:12]}", staging_schema(get_table("tenant_dataset", "aws_cost_billing"))
    config = bigquery.LoadJobConfig(schema=schema, source_format="PARQUET")
    sink.seek(0)
    aws.client.load_table_from_file(sink, f"{aws.dataset}.{name}", job_config=config).result()
    return name


@pytest.mark.judge
@pytest.mark.skipif(not PYTHON.exists(), reason="`make judge-focus` makes the validator's environment")
def test_the_official_validator_finds_no_fault(aws: Statements, focus: str, tmp_path: Path) -> None:
    # Fees are left out: the validator requires EffectiveCost 0 for every purchase, FOCUS only for purchases that cover
    # later charges.
    reports = [report_table(aws, file) for file in sorted(DATA.glob("*.csv"))]
    tables = {"every kind": focus} | {name: aws.focus_table(name) for name in reports}
    known = get_views()["focus_cost_v1_2"].shown
    for name, table in tables.items():
        sql = f"SELECT {', '.join(known)} FROM {aws.dataset}.{table}"
        found = aws.client.query(sql).to_arrow(create_bqstorage_client=False)
        pq.write_table(_plain(found), tmp_path / f"{name}.parquet")
    command = [str(PYTHON), str(ROOT / "tools" / "focus_judge" / "validate.py")]
    files = [str(tmp_path / f"{name}.parquet") for name in tables]
    answer = subprocess.run([*command, *files], check=False, capture_output=True, text=True, timeout=240)
    assert answer.returncode == 0, answer.stderr[-2000:]
    assert dict(zip(tables, json.loads(answer.stdout), strict=True)) == {name: {} for name in tables}


def _plain(table: pa.Table) -> pa.Table:
    columns = [
        column.cast(pa.string()) if isinstance(column.type, pa.BaseExtensionType) else column
        for column in table.columns
    ]
    return pa.table(dict(zip(table.column_names, columns, strict=True)))
