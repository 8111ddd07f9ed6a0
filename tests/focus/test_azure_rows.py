"""The FOCUS statements of azure/cost/billing map each kind of row and lose no cost."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest
from google.cloud import bigquery

from tests.support.focus.azure import EXPORTS, AzureStatements, row, rows_of, statements
from tests.support.focus.lint import PYTHON, SHOWN, broken_rules
from tests.support.focus.statements import Json, object_of
from tools.sqljudge.sent import analysed

RESERVED = {
    "PricingModel": "Reservation",
    "BenefitId": "/providers/Microsoft.Capacity/reservationOrders/o/reservations/r",
    "BenefitName": "VM_RI",
}
PLANNED = {
    "PricingModel": "SavingsPlan",
    "BenefitId": "/providers/Microsoft.BillingBenefits/savingsPlanOrders/o/savingsPlans/p",
    "BenefitName": "Compute plan",
}
BOUGHT: Json = {"ChargeType": "Purchase", "Frequency": "Recurring", "Quantity": "1", "CostInBillingCurrency": "30"}
ACTUAL = {"x_export_kind": "ACTUAL"}
SETTLED = {"SubscriptionName": None, "UnitPrice": None, "PayGPrice": None, "Quantity": None}

# Each row by name. The name is its subscription, so that one job maps all rows.
LINES: dict[str, Json] = {
    "plain": row(),
    "actual_usage": row(**ACTUAL),
    "blocks": row(UnitOfMeasure="10K", Quantity="40000", UnitPrice="0.1", CostInBillingCurrency="0.4"),
    "hundreds": row(UnitOfMeasure="100 Hours", Quantity="300", UnitPrice="2", CostInBillingCurrency="6"),
    "reserved": row(**RESERVED, CostInBillingCurrency="2"),
    "reserved_actual": row(**RESERVED, **ACTUAL, CostInBillingCurrency="0"),
    "normalized": row(**RESERVED, AdditionalInfo='{"RINormalizationRatio": 2.0, "ServiceType": "Standard_DS2_v2"}'),
    "unused": row(**RESERVED | {"ChargeType": "UnusedReservation"}, CostInBillingCurrency="7"),
    "bought": row(**RESERVED, **BOUGHT, **ACTUAL),
    "bought_amortized": row(**RESERVED, **BOUGHT),
    "refunded": row(**RESERVED, **BOUGHT | {"ChargeType": "Refund", "CostInBillingCurrency": "-30"}, **ACTUAL),
    "planned": row(**PLANNED, CostInBillingCurrency="3"),
    "unused_plan": row(**PLANNED | {"ChargeType": "UnusedSavingsPlan"}, CostInBillingCurrency="1"),
    "tax": row(ChargeType="Tax", Frequency="OneTime", **SETTLED),
    "rounding": row(ChargeType="RoundingAdjustment", CostInBillingCurrency="-0.000000001", **SETTLED),
    "spot": row(PricingModel="Spot"),
    "marketplace": row(PublisherType="Marketplace", PublisherName="Example Vendor", UnitPrice="0", PayGPrice="0"),
    "euros": row(BillingCurrency="EUR", PricingCurrency="USD", ExchangeRatePricingToBilling="0.8", UnitPrice="0.625"),
    "customer": row(x_agreement_type="MCA", BillingProfileId="profile", PaygCostInBillingCurrency="8"),
    "partner": row(PartnerName="Reseller GmbH"),
    "tagged": row(Tags='"team": "web","env": ""'),
    "braced": row(Tags='{"team": "web"}'),
    "broken_tags": row(Tags='"team": "we'),
    "negative": row(Quantity="-10", CostInBillingCurrency="-5"),
    "nowhere": row(ResourceLocation="", MeterCategory="", ConsumedService="", ProductName="", Product=""),
}


@pytest.fixture(scope="module")
def azure(bigquery_client: bigquery.Client) -> Iterator[AzureStatements]:
    """The template's statements, in a dataset of their own."""
    bigquery_client.create_dataset("azure_focus")
    yield AzureStatements(bigquery_client, "azure_focus")
    bigquery_client.delete_dataset("azure_focus", delete_contents=True)


@pytest.fixture(scope="module")
def found(azure: AzureStatements) -> dict[str, Json]:
    """FOCUS rows by the name of the line they come from."""
    staged = azure.staged([line | {"SubscriptionId": name} for name, line in LINES.items()])
    return {item["SubAccountId"]: item for item in azure.ask("focus_rows", extract=staged)}


def test_a_cost_that_two_exports_have_becomes_one_row(found: dict[str, Json]) -> None:
    assert LINES.keys() - found.keys() == {"actual_usage", "reserved_actual", "bought_amortized"}


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("plain", {"BilledCost": 5, "EffectiveCost": 5, "ContractedCost": 5, "ListCost": 6, "ChargeCategory": "Usage"}),
        ("plain", {"ContractedUnitPrice": Decimal("0.5"), "PricingQuantity": 10, "PricingUnit": "Hours"}),
        ("plain", {"ServiceName": "Virtual Machines", "ServiceCategory": "Compute", "RegionId": "eastus"}),
        ("plain", {"ResourceName": "vm-1", "ResourceType": "microsoft.compute/virtualmachines"}),
        ("plain", {"ServiceProviderName": "Microsoft", "HostProviderName": "Microsoft", "PricingCurrency": "USD"}),
        ("plain", {"x_source_version": "azure_amortized_ea", "CommitmentDiscountId": None, "ChargeClass": None}),
        ("blocks", {"PricingQuantity": 4, "PricingUnit": "10000 Units", "ConsumedQuantity": 40000}),
        ("hundreds", {"PricingQuantity": 3, "PricingUnit": "100 Hours", "ConsumedUnit": "Hours", "ContractedCost": 6}),
        ("reserved", {"BilledCost": 0, "EffectiveCost": 2, "ContractedCost": 5, "PricingCategory": "Committed"}),
        ("reserved", {"CommitmentDiscountStatus": "Used", "CommitmentDiscountCategory": "Usage"}),
        ("reserved", {"CommitmentDiscountQuantity": 10, "CommitmentDiscountUnit": "Hours"}),
        ("normalized", {"CommitmentDiscountQuantity": 20, "CommitmentDiscountUnit": "Normalized Hours"}),
        ("unused", {"BilledCost": 0, "EffectiveCost": 7, "CommitmentDiscountStatus": "Unused", "ListCost": 0}),
        ("unused", {"ChargeCategory": "Usage", "ConsumedQuantity": None}),
        (
            "bought",
            {"BilledCost": 30, "EffectiveCost": 0, "ChargeCategory": "Purchase", "ChargeFrequency": "Recurring"},
        ),
        ("bought", {"CommitmentDiscountStatus": None, "ContractedCost": 30, "CommitmentDiscountType": "Reservation"}),
        ("refunded", {"BilledCost": -30, "EffectiveCost": 0, "ChargeClass": "Correction"}),
        ("planned", {"BilledCost": 0, "EffectiveCost": 3, "CommitmentDiscountCategory": "Spend"}),
        ("planned", {"CommitmentDiscountQuantity": 3, "CommitmentDiscountUnit": "USD"}),
        ("unused_plan", {"BilledCost": 0, "EffectiveCost": 1, "CommitmentDiscountStatus": "Unused"}),
        ("tax", {"ChargeCategory": "Tax", "BilledCost": 5, "EffectiveCost": 5, "ListCost": 5, "SkuPriceId": None}),
        ("tax", {"PricingQuantity": None, "ContractedUnitPrice": None, "PricingCategory": None, "PricingUnit": None}),
        ("rounding", {"ChargeCategory": "Adjustment", "BilledCost": Decimal("-0.000000001")}),
        ("spot", {"PricingCategory": "Dynamic"}),
        ("marketplace", {"PublisherName": "Example Vendor", "ServiceProviderName": "Example Vendor", "ListCost": 5}),
        ("marketplace", {"ProviderName": "Microsoft", "ContractedUnitPrice": Decimal("0.5")}),
        ("euros", {"ContractedUnitPrice": Decimal("0.5"), "PricingCurrencyEffectiveCost": Decimal("6.25")}),
        ("euros", {"PricingCurrency": "USD", "BillingCurrency": "EUR"}),
        ("customer", {"BillingAccountId": "profile", "BillingAccountType": "Billing Profile", "ListCost": 8}),
        ("partner", {"InvoiceIssuerName": "Reseller GmbH", "ProviderName": "Microsoft"}),
        ("broken_tags", {"Tags": None}),
        ("negative", {"BilledCost": -5, "PricingQuantity": -10, "ContractedUnitPrice": Decimal("0.5")}),
        ("nowhere", {"ServiceName": "Microsoft", "RegionId": None, "RegionName": None, "ServiceCategory": "Other"}),
    ],
)
def test_line_becomes(found: dict[str, Json], name: str, values: dict[str, Any]) -> None:
    assert {column: found[name][column] for column in values} == values


def test_tags_with_and_without_braces_become_an_object(found: dict[str, Json]) -> None:
    assert object_of(found["tagged"]["Tags"]) == {"team": "web", "env": ""}
    assert object_of(found["braced"]["Tags"]) == {"team": "web"}


def test_without_amortised_costs_all_actual_costs_stay_where_they_are(azure: AzureStatements) -> None:
    lines = [row(**ACTUAL), row(**RESERVED, **ACTUAL, CostInBillingCurrency="0"), row(**RESERVED, **BOUGHT, **ACTUAL)]
    rows = azure.ask("focus_rows", extract=azure.staged(lines))
    assert sorted((item["BilledCost"], item["EffectiveCost"]) for item in rows) == [(0, 0), (5, 5), (30, 30)]


FILES = {"ftk_EA_ActualCost_Small_2023-09": "ACTUAL", "ftk_EA_AmortizedCost_Small_2023-09": "AMORTIZED"}
SETS = [
    list(FILES.items()),
    [("nise_azure_2026-09_seed105", "ACTUAL")],
    [("ftk_EA_ActualCost_Small_2023-09", "ACTUAL")],
]


def sums(rows: list[Json]) -> dict[tuple[Any, ...], Decimal]:
    return {(row["billing_account_id"], row["billing_period"], row["currency"]): row["total"] for row in rows}


SOUND = (
    *("focus_missing_values", "focus_empty_texts", "focus_prices", "focus_values_of_1_4", "focus_charge_periods"),
    *("focus_billing_periods", "focus_commitments", "other_periods"),
)


@pytest.fixture(scope="module")
def own(azure: AzureStatements) -> tuple[str, str]:
    """The staging table with the lines of this file, and the FOCUS table that the focus step makes of it."""
    staged = azure.staged([line | {"SubscriptionId": name} for name, line in LINES.items()])
    return staged, azure.focus_table(staged)


@pytest.mark.parametrize("check", SOUND)
def test_own_lines_pass_the_checks(azure: AzureStatements, own: tuple[str, str], check: str) -> None:
    staged, focus = own
    statement = statements()[check].text
    tables = {name: table for name, table in (("extract", staged), ("focus", focus)) if f"{{{name}}}" in statement}
    assert azure.ask(check, None, **tables) == []


def test_own_lines_bill_the_same_as_their_source(azure: AzureStatements, own: tuple[str, str]) -> None:
    staged, focus = own
    expected = sums(azure.ask("invoiced_by_source", extract=staged))
    assert sums(azure.ask("invoiced_by_focus", focus=focus)) == expected
    assert len(expected) > 2
    [publish, *_] = azure.ask("billed_by_period", rows=staged)
    assert publish["billed_cost"] in {row["billed_cost"] for row in azure.ask("focus_by_period", rows=focus)}


@pytest.mark.skipif(not EXPORTS.is_dir(), reason="the exports are not beside this checkout (../shared/data)")
@pytest.mark.parametrize("files", SETS, ids=lambda files: "+".join(name for name, _ in files))
def test_an_export_made_elsewhere_is_billed_to_the_last_digit_and_passes_the_checks(
    azure: AzureStatements, files: list[tuple[str, str]]
) -> None:
    lines = [line for name, kind in files for line in rows_of(EXPORTS / f"{name}.csv", kind)]
    staged = azure.staged(lines)
    focus = azure.focus_table(staged)
    billed = sums(azure.ask("invoiced_by_focus", focus=focus))
    assert billed == sums(azure.ask("invoiced_by_source", extract=staged))
    amortized = len({kind for _, kind in files}) > 1
    nine = Decimal(1).scaleb(-9)
    wanted = sum(
        Decimal(line["CostInBillingCurrency"]).quantize(nine, ROUND_HALF_UP)
        for line in lines
        if (line.get("PricingModel") in {"Reservation", "SavingsPlan"}) == (line["ChargeType"] == "Purchase")
        and (not amortized or line["x_export_kind"] == ("ACTUAL" if line["ChargeType"] == "Purchase" else "AMORTIZED"))
    )
    assert sum(billed.values()) == wanted
    failing = [check for check in SOUND if check != "other_periods" and azure.ask(check, focus=focus)]
    assert failing == []


@pytest.mark.judge
@pytest.mark.parametrize("name", sorted(statements()))
def test_statement_is_googlesql(name: str) -> None:
    tables = {"extract": "{staging}.staged_azure_cost_billing", "rows": "{staging}.staged_azure_cost_billing"}
    if name == "focus_by_period":
        tables["rows"] = "{staging}.staged_focus_cost"
    found = statements()[name]
    named = {
        key: table
        for key, table in (tables | {"focus": "{staging}.staged_focus_cost"}).items()
        if f"{{{key}}}" in found.text
    }
    assert analysed(found.naming(**named))


@pytest.mark.judge
@pytest.mark.skipif(not PYTHON.exists(), reason="`make judge-focus` makes the linter's environment")
def test_the_linter_of_1_4_finds_nothing(azure: AzureStatements, own: tuple[str, str], tmp_path: Path) -> None:
    rows = [dict(row) for row in azure.client.query_and_wait(f"SELECT {SHOWN} FROM {azure.dataset}.{own[1]}")]
    wrong = [row | {"ServiceProviderName": None} for row in rows]
    found = broken_rules(tmp_path, {"own": rows, "wrong": wrong})
    assert found["own"] == {}
    assert found["wrong"].keys() == {"ServiceProviderName:null_not_allowed"}
