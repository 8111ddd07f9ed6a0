"""FOCUS files of AWS, Azure and anybody: repaired, and billed to the last digit."""

from __future__ import annotations

import csv
import json
import subprocess
import uuid
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from google.cloud import bigquery

from shared.configuration.tables import get_views
from shared.configuration.templates import get_template
from shared.connectors.focus.billing_files import FocusFiles
from shared.domain.templates.check_options import SqlCheck
from tests.support.focus.files import charge, csv_of, staged
from tests.support.focus.statements import Statements
from tests.support.stored_objects import MemoryStore

Json = dict[str, Any]
TEMPLATE = get_template("aws", "cost", "focus")
ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data" / "focus"
PYTHON = ROOT / ".venvs" / "focus" / "bin" / "python"
FILES = sorted(DATA.glob("focus_1*.csv"))
# What no repair can mend: a SKU without a meter, units in the provider's words, a service in several categories.
GAPS = {
    "SkuMeter-C-005-C", "ConsumedUnit-C-003-O", "PricingUnit-C-003-O", "ServiceName-C-005-C", "ServiceName-C-008-C",
}  # fmt: skip
COMMITMENT = {"CommitmentDiscountId": "plan", "CommitmentDiscountCategory": "Spend", "CommitmentDiscountType": "Plan"}
COVERED = {**COMMITMENT, "BilledCost": "0"}
# Of each repair: what a file has, and what is made of it.
REPAIRS: list[tuple[Json, Json]] = [
    ({}, {"BilledCost": Decimal(1), "PricingCurrency": "USD", "ServiceSubcategory": "Other (Compute)"}),
    ({"ListCost": "0", "ContractedCost": "0"}, {"ListCost": Decimal(1), "ContractedCost": Decimal(1)}),
    ({**COVERED, "ContractedCost": "0", "PricingCategory": "Standard"},
     {"ContractedCost": Decimal(1), "PricingCategory": "Committed", "CommitmentDiscountStatus": "Used"}),
    ({**COVERED, "ChargeSubcategory": "Unused Commitment"},
     {"CommitmentDiscountStatus": "Unused", "ConsumedQuantity": None, "ConsumedUnit": None}),
    ({"ChargeCategory": "Purchase", **COMMITMENT}, {"EffectiveCost": Decimal(0), "BilledCost": Decimal(1)}),
    ({"ChargeCategory": "Tax", "EffectiveCost": "0"},
     {"EffectiveCost": Decimal(1), "PricingQuantity": None, "SkuId": None, "SkuPriceId": None}),
    ({"ResourceType": ""}, {"ResourceType": "Compute"}),
    ({"ChargeCategory": "Adjustment", "ChargeSubcategory": "Credit", "SkuPriceId": ""},
     {"ChargeCategory": "Credit", "ListUnitPrice": None, "PricingCategory": None}),
    ({"ChargeCategory": "Rounding"}, {"ChargeCategory": "Adjustment"}),
    ({"ChargeSubcategory": "Refund"}, {"ChargeClass": "Correction"}),
    ({"ListUnitPrice": "9"}, {"ListUnitPrice": Decimal(1)}),
    ({"PricingQuantity": "4"}, {"ListUnitPrice": Decimal("0.25"), "ContractedUnitPrice": Decimal("0.25")}),
    ({"PricingCategory": "On-Demand"}, {"PricingCategory": "Standard"}),
    ({"PricingCurrency": "EUR"}, {"PricingCurrency": "USD", "PricingCurrencyEffectiveCost": Decimal(1)}),
    ({"PricingCurrency": "EUR", "PricingCurrencyEffectiveCost": "0.9"},
     {"PricingCurrency": "EUR", "PricingCurrencyEffectiveCost": Decimal("0.9")}),
    ({"ProviderName": "Amazon Web Services", "InvoiceIssuerName": "Amazon Web Services EMEA SARL", "PublisherName": ""},
     {"ProviderName": "AWS", "InvoiceIssuerName": "AWS", "PublisherName": "AWS", "SubAccountType": "Account"}),
    ({"ProviderName": "", "HostProviderName": "Microsoft Azure", "PublisherName": "Seller", "InvoiceIssuerName": ""},
     {"ProviderName": "Microsoft", "HostProviderName": "Microsoft Azure", "InvoiceIssuerName": "Microsoft",
      "ServiceProviderName": "Seller"}),
    ({"ServiceCategory": "Cloud", "ServiceSubcategory": "Things"},
     {"ServiceCategory": "Other", "ServiceSubcategory": "Other (Other)"}),
    ({"ChargePeriodEnd": ""}, {"ChargeFrequency": "Usage-Based"}),
    ({"RegionId": "", "RegionName": "EU West"}, {"RegionId": "euwest"}),
    ({"Tags": '"team": "red"'}, {"Tags": {"team": "red"}}),
    ({"Tags": "no JSON"}, {"Tags": None}),
    ({"BillingAccountName": "NULL", "ChargeFrequency": "Monthly"},
     {"BillingAccountName": "acme", "ChargeFrequency": "Usage-Based"}),
]  # fmt: skip


@pytest.fixture(scope="module")
def statements(bigquery_client: bigquery.Client) -> Iterator[Statements]:
    dataset = f"files_{uuid.uuid4().hex[:12]}"
    bigquery_client.create_dataset(dataset)
    yield Statements(bigquery_client, dataset, TEMPLATE, "focus_cost_file")
    bigquery_client.delete_dataset(dataset, delete_contents=True)


@pytest.fixture(scope="module")
def extract(statements: Statements) -> str:
    """A staging table with a row for each repair."""
    store = MemoryStore()
    rows = [charge(**(given | {"ResourceId": str(number)})) for number, (given, _) in enumerate(REPAIRS)]
    store.put("exports/focus-2026-09.csv", csv_of(rows))
    return staged(statements, FocusFiles, store)


@pytest.fixture(scope="module")
def focus(statements: Statements, extract: str) -> str:
    return statements.focus_table(extract)


def strict_checks() -> list[str]:
    checks = [check for check in TEMPLATE.checks if isinstance(check, SqlCheck) and check.severity == "fail"]
    return [
        check.with_.query for check in checks if check.with_.query.startswith("focus_") or check.id == "other_periods"
    ]


def rows_in(file: Path) -> list[Json]:
    with file.open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


def staged_file(statements: Statements, file: Path) -> str:
    """A staging table with a file of the sample data, below a folder that names its month."""
    store = MemoryStore()
    store.put(f"exports/{rows_in(file)[0]['BillingPeriodStart'][:7]}/file.csv", file.read_bytes())
    return staged(statements, FocusFiles, store)


def rows_of(statements: Statements, table: str) -> dict[str, Json]:
    found = statements.client.query_and_wait(f"SELECT * FROM {statements.dataset}.{table}")
    return {row["ResourceId"]: dict(row.items()) for row in found}


def test_each_gap_is_repaired(statements: Statements, focus: str) -> None:
    found = rows_of(statements, focus)
    read = {number: {name: found[str(number)][name] for name in wanted} for number, (_, wanted) in enumerate(REPAIRS)}
    assert read == {number: wanted for number, (_, wanted) in enumerate(REPAIRS)}


def test_repairs_are_counted_by_provider_and_column(statements: Statements, focus: str, extract: str) -> None:
    found = {row["provider"]: row for row in statements.failing("repairs", focus, extract)}
    assert {name: row["row_count"] for name, row in found.items()} == {
        "AWS": 1,
        "Microsoft": 1,
        "Oracle": len(REPAIRS) - 2,
    }
    counted = ("BilledCost", "ListCost", "ContractedCost", "ServiceCategory", "ChargeCategory", "Tags", "EffectiveCost")
    assert [found["Oracle"][name] for name in counted] == [0, 1, 2, 1, 2, 2, 2]


def test_repaired_rows_pass_the_checks(statements: Statements, focus: str, extract: str) -> None:
    found = {check: statements.failing(check, focus, extract) for check in strict_checks()}
    assert found == {check: [] for check in found}
    assert len(found) > 5


@pytest.mark.skipif(not FILES, reason="the folder of sample data is not there")
@pytest.mark.parametrize("file", FILES, ids=lambda path: path.name)
def test_a_real_file_is_billed_to_the_last_digit_and_passes_the_checks(statements: Statements, file: Path) -> None:
    rows = rows_in(file)
    extract = staged_file(statements, file)
    table = statements.focus_table(extract)
    failing = {check: statements.failing(check, table, extract) for check in strict_checks()}
    assert failing == {check: [] for check in failing}
    wanted: dict[tuple[str, str], Decimal] = {}
    for row in rows:
        key = row["BillingAccountId"], row["BillingCurrency"]
        cost = Decimal(row["BilledCost"]).quantize(Decimal(1).scaleb(-9), ROUND_HALF_UP)
        wanted[key] = wanted.get(key, Decimal(0)) + cost
    found = statements.failing("invoiced_by_focus", table, extract)
    assert {(line["billing_account_id"], line["currency"]): line["total"] for line in found} == wanted
    assert found == statements.failing("invoiced_by_source", table, extract)


@pytest.mark.judge
@pytest.mark.skipif(not PYTHON.exists(), reason="`make judge-focus` makes the validator's environment")
def test_the_official_validator_finds_no_fault(statements: Statements, focus: str, tmp_path: Path) -> None:
    tables = {"repaired": focus}
    for file in FILES:
        tables[file.name] = statements.focus_table(staged_file(statements, file))
    for name, table in tables.items():
        sql = f"SELECT {', '.join(get_views()['focus_cost_v1_2'].shown)} FROM {statements.dataset}.{table}"
        found = statements.client.query(sql).to_arrow(create_bqstorage_client=False)
        texts = {column: found[column] for column in found.column_names}
        texts |= {
            column: found[column].cast(pa.string())
            for column in found.column_names
            if isinstance(found[column].type, pa.BaseExtensionType)
        }
        pq.write_table(pa.table(texts), tmp_path / f"{name}.parquet")
    command = [str(PYTHON), str(ROOT / "tools" / "focus_judge" / "validate.py")]
    files = [str(tmp_path / f"{name}.parquet") for name in tables]
    answer = subprocess.run([*command, *files], check=False, capture_output=True, text=True, timeout=240)
    assert answer.returncode == 0, answer.stderr[-2000:]
    broken = dict(zip(tables, map(set, json.loads(answer.stdout)), strict=True))
    assert broken.pop("repaired") <= GAPS
    assert broken == {name: GAPS if "1.0" in name else set() for name in broken}


def copies_of(statements: Statements, files: dict[str, list[dict[str, str]]]) -> list[tuple[str, str]]:
    store = MemoryStore()
    for name, rows in files.items():
        store.put(f"exports/2026-09/{name}", csv_of(rows))
    of_files = Statements(statements.client, statements.dataset, get_template("focus", "cost", "file"))
    found = of_files.failing("copies", "none", staged(statements, FocusFiles, store), allow_copies=False)
    return sorted((row["file"].rpartition("/")[2], row["other_file"].rpartition("/")[2]) for row in found)


def test_a_file_that_is_a_copy_or_an_earlier_state_of_another_is_found(statements: Statements) -> None:
    month = [charge(str(number), ResourceId=f"vm-{number}") for number in range(1, 9)]
    others = [charge("1", ResourceId=f"db-{number}") for number in range(8)]
    assert copies_of(statements, {"1.csv": month, "2.csv": others, "3.csv": [month[0], *others[:1], charge("7")]}) == []
    assert copies_of(statements, {"1.csv": month, "1 (1).csv": month[::-1], "2.csv": others}) == [
        ("1 (1).csv", "1.csv"), ("1.csv", "1 (1).csv"),
    ]  # fmt: skip
    restated = [*month[:5], charge("0.5", ResourceId="vm-6")]
    assert copies_of(statements, {"10.csv": restated, "11.csv": [*month, *others], "12.csv": []}) == [
        ("10.csv", "11.csv")
    ]
