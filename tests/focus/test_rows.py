"""The focus step maps each kind of row that Google exports."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.support.focus.statements import Json, Statements, credit, fee, object_of, row

NO_PRICE: Json = {"price": None, "usage": {"amount": 0.0, "amount_in_pricing_units": 0.0}, "cost_at_list": None}
MODEL = {"id": "D97B-0795-975B", "description": "Compute Flexible CUDs 1 Year"}
VM = "//compute.googleapis.com/projects/1/zones/us-central1-a/instance/7"
ADJUSTED = {
    "id": "adj-1",
    "description": "Incorrect metering",
    "mode": "PARTIAL_CORRECTION",
    "type": "USAGE_CORRECTION",
}
LABELS = [{"key": "team", "value": "web"}, {"key": "team", "value": "core"}, {"key": "empty", "value": ""}]
TAGS = [
    {"key": 'cost "centre"', "value": "42", "namespace": "1234", "inherited": True},
    {"key": "none", "namespace": "1"},
]

# Each row by name. The name is its project, so that one job maps all rows.
LINES: dict[str, Json] = {
    "plain": row(),
    "discounted": row(cost="0.9", credits=[credit("SUSTAINED_USAGE_DISCOUNT", "-0.2"), credit("PROMOTION", "-0.1")]),
    "negative": row(
        cost="-2",
        cost_at_list="-2",
        usage={"amount": -7200.0, "unit": "seconds", "amount_in_pricing_units": -2.0, "pricing_unit": "hour"},
    ),
    "free": row(
        cost="0",
        cost_at_list="0",
        usage={"amount": 0.0, "unit": "seconds", "amount_in_pricing_units": 0.0, "pricing_unit": "hour"},
    ),
    "rounded": row(
        cost="0.060377",
        cost_at_list="0.063555",
        price={"effective_price": "0.00402515", "list_price": "0.004237"},
        usage={"amount": 15.0, "unit": "seconds", "amount_in_pricing_units": 15.0, "pricing_unit": "gibibyte hour"},
    ),
    "unpriced": row(
        price=None,
        cost="3",
        cost_at_list=None,
        usage={"amount": 4.0, "unit": "requests", "amount_in_pricing_units": 4.0, "pricing_unit": "count"},
    ),
    "subscription": row(cost="29", cost_at_list=None, price=None, usage=None),
    "tax": row(
        cost_type="tax",
        cost="41.27",
        service={"id": "X", "description": "Invoice"},
        sku={"id": "T", "description": "VAT"},
        resource=None,
        **NO_PRICE,
    ),
    "rounding": row(
        cost_type="rounding_error",
        cost="-0.003",
        service={"id": "X", "description": "Invoice"},
        resource=None,
        **NO_PRICE,
    ),
    "goodwill": row(
        cost_type="adjustment", cost="-25", adjustment_info={"id": "gw", "description": "SLA breach"}, **NO_PRICE
    ),
    "corrected": row(
        adjustment_info=ADJUSTED, usage_start_time="2026-08-23T05:00:00Z", usage_end_time="2026-08-23T06:00:00Z"
    ),
    "corrected_unnamed": row(
        adjustment_info=ADJUSTED,
        usage_start_time="2026-08-23T05:00:00Z",
        usage_end_time="2026-08-23T06:00:00Z",
        sku={"id": None, "description": "Unnamed"},
    ),
    "unnamed": row(sku={"id": None, "description": "Unnamed"}),
    "detailed": row(x_source="gcp:acme-prod.billing.gcp_billing_export_resource_v1_01AAAA_BBBBBB_CCCCCC"),
    "corrected_at_once": row(adjustment_info=ADJUSTED),
    "late": row(usage_start_time="2026-08-31T14:00:00Z", usage_end_time="2026-08-31T15:00:00Z"),
    "pacific_edge": row(
        usage_start_time="2026-09-01T06:00:00Z", usage_end_time="2026-09-01T07:00:00Z", invoice={"month": "202608"}
    ),
    "no_month": row(usage_start_time="2026-09-01T06:00:00Z", usage_end_time="2026-09-01T07:00:00Z", invoice=None),
    "winter": row(
        usage_start_time="2026-11-20T06:00:00Z", usage_end_time="2026-11-20T07:00:00Z", invoice={"month": "202611"}
    ),
    "no_end": row(usage_end_time="2026-09-10T10:00:00Z"),
    "marketplace": row(
        transaction_type="THIRD_PARTY_RESELLER",
        seller_name="Example Vendor Inc.",
        service={"id": "V", "description": "Vendor DB® 東京"},
        sku={"id": "V-1", "description": "Données (€)"},
    ),
    "euros": row(currency="EUR", currency_conversion_rate=0.8),
    "tagged": row(labels=LABELS, tags=TAGS),
    "spot": row(sku={"id": "S", "description": "Spot Preemptible E2 Instance Core"}),
    "new_model": row(cost="0.7", cost_at_list="1", consumption_model=MODEL),
    "offset_fee": fee("sub-flex", "0.30", credits=[credit("FEE_UTILIZATION_OFFSET", "-0.18")]),
}


@pytest.fixture(scope="module")
def found(statements: Statements) -> dict[str, list[Json]]:
    """FOCUS rows by the name of the line they come from."""
    lines = []
    for name, line in LINES.items():
        labels = [{"key": "env", "value": "prod"}, {"key": "unset", "value": None}] if name == "tagged" else []
        lines.append(line | {"project": {"id": name, "name": "", "labels": labels}})
    lines.append(row(project=None, billing_account_id="no-project"))
    by_name: dict[str, list[Json]] = {}
    for item in statements.focus(lines):
        by_name.setdefault(item["SubAccountId"] or item["BillingAccountId"], []).append(item)
    return by_name


def pacific(year: int, month: int, hour: int) -> datetime:
    return datetime(year, month, 1, hour, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("plain", {"BilledCost": 1, "EffectiveCost": 1, "ChargeCategory": "Usage", "PricingCategory": "Standard"}),
        ("plain", {"ServiceCategory": "Compute", "ServiceSubcategory": "Virtual Machines", "PricingUnit": "Hours"}),
        ("plain", {"ResourceId": VM, "ResourceType": "instance"}),
        ("plain", {"SubAccountName": "plain", "SubAccountType": "Project", "RegionId": "us-central1", "Tags": None}),
        ("discounted", {"BilledCost": Decimal("0.6"), "ContractedCost": Decimal("0.9"), "ListCost": 1}),
        ("negative", {"BilledCost": -2, "PricingQuantity": -2, "ContractedUnitPrice": 1, "ChargeClass": None}),
        ("free", {"BilledCost": 0, "PricingQuantity": 0, "ContractedUnitPrice": 1}),
        ("rounded", {"ContractedUnitPrice": Decimal("0.00402515"), "ListUnitPrice": Decimal("0.004237")}),
        ("unpriced", {"ContractedUnitPrice": Decimal("0.75"), "ListUnitPrice": Decimal("0.75"), "ListCost": 3}),
        (
            "subscription",
            {"PricingQuantity": 1, "PricingUnit": "Charges", "ContractedUnitPrice": 29, "ConsumedQuantity": 1},
        ),
        ("tax", {"ChargeCategory": "Tax", "SkuId": None, "SkuPriceId": None, "PricingQuantity": None}),
        (
            "tax",
            {"ContractedUnitPrice": None, "ListUnitPrice": None, "ListCost": Decimal("41.27"), "PricingCategory": None},
        ),
        ("rounding", {"ChargeCategory": "Adjustment", "BilledCost": Decimal("-0.003"), "PricingUnit": None}),
        ("goodwill", {"ChargeCategory": "Adjustment", "ChargeClass": None, "ListCost": -25}),
        ("corrected", {"ChargeCategory": "Usage", "ChargeClass": "Correction"}),
        ("corrected", {"PricingQuantity": 1, "ContractedUnitPrice": 1, "ConsumedQuantity": 3600}),
        ("corrected_unnamed", {"ChargeClass": "Correction", "SkuPriceId": None, "BilledCost": 1, "ListCost": 1}),
        ("corrected_unnamed", {"ContractedUnitPrice": None, "ListUnitPrice": None, "PricingCategory": None}),
        ("corrected_unnamed", {"PricingQuantity": None, "PricingUnit": None}),
        ("corrected_unnamed", {"ConsumedQuantity": None, "ConsumedUnit": None}),
        ("unnamed", {"SkuPriceId": None, "PricingQuantity": 1, "ContractedUnitPrice": 1, "ConsumedQuantity": 3600}),
        ("plain", {"ServiceProviderName": "Google Cloud", "HostProviderName": "Google Cloud"}),
        ("marketplace", {"ServiceProviderName": "Example Vendor Inc.", "HostProviderName": "Google Cloud"}),
        ("plain", {"x_source_version": "gcp_billing_export"}),
        ("detailed", {"x_source_version": "gcp_billing_export_resource_v1"}),
        ("tax", {"EffectiveCost": Decimal("41.27"), "PricingCurrencyEffectiveCost": Decimal("41.27")}),
        ("corrected_at_once", {"ChargeClass": None}),
        ("late", {"ChargeClass": None, "BillingPeriodStart": pacific(2026, 9, 7)}),
        ("pacific_edge", {"BillingPeriodStart": pacific(2026, 8, 7), "BillingPeriodEnd": pacific(2026, 9, 7)}),
        ("no_month", {"BillingPeriodStart": pacific(2026, 8, 7)}),
        ("winter", {"BillingPeriodStart": pacific(2026, 11, 7), "BillingPeriodEnd": pacific(2026, 12, 8)}),
        ("no_end", {"ChargePeriodEnd": datetime(2026, 9, 10, 11, tzinfo=UTC)}),
        ("marketplace", {"PublisherName": "Example Vendor Inc.", "InvoiceIssuerName": "Google Cloud", "BilledCost": 1}),
        (
            "marketplace",
            {
                "ServiceName": "Vendor DB® 東京",
                "SkuMeter": "Données (€)",
                "ServiceCategory": "Other",
                "ServiceSubcategory": "Other (Other)",
            },
        ),
        (
            "euros",
            {"BillingCurrency": "EUR", "PricingCurrency": "USD", "PricingCurrencyEffectiveCost": Decimal("1.25")},
        ),
        ("spot", {"PricingCategory": "Dynamic"}),
        ("new_model", {"BilledCost": Decimal("0.7"), "EffectiveCost": Decimal("0.7"), "PricingCategory": "Committed"}),
        ("new_model", {"CommitmentDiscountStatus": "Used", "CommitmentDiscountCategory": "Spend"}),
        ("no-project", {"SubAccountId": None, "SubAccountName": None, "SubAccountType": None}),
    ],
)
def test_line_becomes(found: dict[str, list[Json]], name: str, values: dict[str, Any]) -> None:
    [only] = found[name]
    assert {column: only[column] for column in values} == values


def test_fee_of_the_2025_model_becomes_a_purchase_and_its_unused_part(found: dict[str, list[Json]]) -> None:
    purchase, unused = sorted(found["offset_fee"], key=lambda item: str(item["ChargeCategory"]))
    assert (purchase["ChargeCategory"], purchase["ChargeFrequency"]) == ("Purchase", "Recurring")
    assert (purchase["BilledCost"], purchase["EffectiveCost"]) == (Decimal("0.12"), 0)
    assert (unused["BilledCost"], unused["EffectiveCost"]) == (0, Decimal("0.12"))
    assert (unused["ChargeCategory"], unused["CommitmentDiscountStatus"]) == ("Usage", "Unused")
    assert unused["ResourceId"] == unused["CommitmentDiscountId"] == "sub-flex"


def test_labels_and_tags_become_one_object(found: dict[str, list[Json]]) -> None:
    [only] = found["tagged"]
    own = {"team": "core", "empty": ""}
    assert object_of(only["Tags"]) == own | {
        "project/env": "prod",
        "project/unset": None,
        'tag/1234/cost "centre"': "42",
        "tag/1/none": None,
    }
