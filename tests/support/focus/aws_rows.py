"""Rows of a Cost and Usage Report as they are staged, one for each kind of line that AWS bills by."""

from __future__ import annotations

import json
from typing import Any

Json = dict[str, Any]
PERIOD = "2026-09-01"
PLAN = "arn:aws:savingsplans::123456789012:savingsplan/plan-1"
RESERVATION = "arn:aws:ec2:eu-central-1:123456789012:reserved-instances/ri-1"
PLAN_COLUMNS = {"savings_plan_savings_plan_a_r_n": PLAN, "savings_plan_offering_type": "ComputeSavingsPlans"}


def row(kind: str = "Usage", cost: str = "1", **changes: Any) -> Json:
    """An hour of a machine, unless changed; `cost` is its unblended cost."""
    usual: Json = {
        "bill_bill_type": "Anniversary",
        "bill_billing_entity": "AWS",
        "bill_billing_period_start_date": f"{PERIOD}T00:00:00Z",
        "bill_billing_period_end_date": "2026-10-01T00:00:00Z",
        "bill_payer_account_id": "123456789012",
        "line_item_usage_account_id": "210987654321",
        "line_item_line_item_type": kind,
        "line_item_line_item_description": f"a line of {kind}",
        "line_item_usage_start_date": "2026-09-10T10:00:00Z",
        "line_item_usage_end_date": "2026-09-10T11:00:00Z",
        "line_item_product_code": "AmazonEC2",
        "line_item_usage_type": "BoxUsage:m5.large",
        "line_item_operation": "RunInstances",
        "line_item_resource_id": "i-1",
        "line_item_currency_code": "USD",
        "line_item_usage_amount": "1",
        "line_item_unblended_cost": cost,
        "pricing_public_on_demand_cost": cost,
        "pricing_unit": "Hrs",
        "pricing_term": "OnDemand",
        "pricing_rate_code": "SKU1.TERM.RATE",
        "product_sku": "SKU1",
        "product_region_code": "eu-central-1",
        "product_product_family": "Compute Instance",
        "resource_tags": json.dumps({"user_team": 'blue "1"'}),
        "x_source": "aws:bills/exports",
        "x_billing_period": PERIOD,
        "x_pipeline_logging_id": "a-run",
        "x_ingested_at": "2026-10-02T00:00:00Z",
    }
    made = usual | changes
    return made | {"x_usage_date": made["line_item_usage_start_date"][:10]}


_NO_USAGE = dict.fromkeys(
    ["line_item_resource_id", "line_item_usage_amount", "pricing_public_on_demand_cost", "pricing_unit", "pricing_term",
     "pricing_rate_code", "product_sku", "product_region_code", "product_product_family", "resource_tags"]
)  # fmt: skip
_MONTH = {
    "line_item_usage_start_date": "2026-09-01T00:00:00Z",
    "line_item_usage_end_date": "2026-10-01T00:00:00Z",
}


def charge(kind: str, cost: str, **changes: Any) -> Json:
    """A line for the whole month without usage."""
    return row(kind, cost, **(_NO_USAGE | _MONTH | changes))


def savings_plan() -> list[Json]:
    """An hour that a plan covers for 0.6 instead of 1, and the plan's fee: 1, of which 0.6 were used."""
    return [
        row("SavingsPlanCoveredUsage", "1", savings_plan_savings_plan_effective_cost="0.6", **PLAN_COLUMNS),
        row("SavingsPlanNegation", "-1", **PLAN_COLUMNS),
        charge(
            "SavingsPlanRecurringFee",
            "1",
            line_item_product_code="ComputeSavingsPlans",
            savings_plan_total_commitment_to_date="1",
            savings_plan_used_commitment="0.6",
            **PLAN_COLUMNS,
        ),
        charge("SavingsPlanUpfrontFee", "365", line_item_product_code="ComputeSavingsPlans", **PLAN_COLUMNS),
    ]


def reservation() -> list[Json]:
    """An hour that a reservation covers for 0.5 instead of 1, its fee of 0.8 with 0.3 unused, and its upfront fee."""
    return [
        row(
            "DiscountedUsage",
            "0",
            pricing_public_on_demand_cost="1",
            reservation_reservation_a_r_n=RESERVATION,
            reservation_effective_cost="0.5",
        ),
        charge(
            "RIFee",
            "0.8",
            line_item_usage_amount="2",
            reservation_reservation_a_r_n=RESERVATION,
            reservation_unused_amortized_upfront_fee_for_billing_period="0.1",
            reservation_unused_recurring_fee="0.2",
            reservation_unused_quantity="0.5",
        ),
        charge("Fee", "100", reservation_reservation_a_r_n=RESERVATION),
    ]


def fees() -> list[Json]:
    """Fees that cover no later usage: of support, and of a seller on the marketplace."""
    seller = {"bill_billing_entity": "AWS Marketplace", "line_item_legal_entity": "Seller Inc."}
    return [
        charge("Fee", "29", line_item_product_code="AWSDeveloperSupport"),
        charge("Fee", "12", line_item_product_code="0a1b2c3d", product_product_name="A product", **seller),
    ]


def every_kind() -> list[Json]:
    """All kinds of lines except the fees of `fees`; one is a refund for an earlier period."""
    earlier = {"line_item_usage_start_date": "2026-08-05T00:00:00Z", "line_item_usage_end_date": "2026-08-05T01:00:00Z"}
    return [
        row(),
        row(line_item_net_unblended_cost="0.9"),
        *savings_plan(),
        *reservation(),
        charge("Tax", "0.19", line_item_tax_type="VAT"),
        charge("Credit", "-5"),
        row("Refund", "-0.25"),
        row("Refund", "-0.5", **earlier),
        charge("EdpDiscount", "-0.1"),
        charge("PrivateRateDiscount", "-0.1", line_item_net_unblended_cost="0"),
        row(line_item_usage_amount="0", line_item_unblended_cost="0", pricing_public_on_demand_cost="0"),
    ]
