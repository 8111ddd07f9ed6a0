"""A credit belongs to a commitment by its kind or name, and adjusts the commitment if it covers nothing.

Each case is a billing account of its own, so that one job answers all of them.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest

from tests.support.focus.statements import Json, Statements, credit, fee, row

RESOURCE, SPEND = "COMMITTED_USAGE_DISCOUNT", "COMMITTED_USAGE_DISCOUNT_DOLLAR_BASE"
CPU = "Committed Usage Discount: CPU"
FLEXIBLE = {"sku": {"id": "FLEX-FEE", "description": "Commitment - dollar based v1: GCE for 1 year"}}
DATABASE = {"sku": {"id": "SQL-FEE", "description": "Commitment v1: Cloud SQL database for 1 Year"}}
NO_SKU = {"sku": {"id": None, "description": "Commitment v1: Cpu for 1 Year"}}
MODEL = {"id": "D97B-0795-975B", "description": "Compute Flexible CUD - 1 Year"}
NOTHING = {"cost": "0", "cost_at_list": "0"}
TAKEN_BACK = {"adjustment_info": {"id": "a", "description": "regrade", "mode": "PARTIAL_CORRECTION"}}

Case = tuple[list[Json], dict[str, str]]


def used(cost: str, *granted: Json, hours: float = 1, **changes: Any) -> Json:
    usage = {"amount": hours * 3600, "unit": "seconds", "amount_in_pricing_units": hours, "pricing_unit": "hour"}
    return row(
        **({"cost": cost, "cost_at_list": cost, "price": None, "usage": usage, "credits": list(granted)} | changes)
    )


def untyped(kind: str | None, name: str) -> Json:
    return credit(RESOURCE, "-1", id=name, name=name, full_name=name) | {"type": kind}


def cents(commitment: str | None, cost: str, dollars: int, **changes: Any) -> Json:
    """The fee of a commitment to this number of dollars at list prices; one unit stands for one cent."""
    usage = {"amount": 3600.0, "unit": "seconds", "amount_in_pricing_units": dollars * 100, "pricing_unit": "hour"}
    return fee(commitment or "", cost, price=None, usage=usage, **(FLEXIBLE | changes))


# By name: the export's rows, and EffectiveCost by category and status. An adjustment has no status, and a fee has
# EffectiveCost 0.
CASES: dict[str, Case] = {
    # A resource-based commitment covers a row first, a flexible one the rest. The fee of each pays for its part.
    "two_kinds": (
        [fee("r", "0.6"), cents("d", "0.72", 1), used("2", credit(RESOURCE, "-1"), credit(SPEND, "-1"), hours=2)],
        {"Usage Used": "0.6", "Spend Used": "0.72"}),
    "small_letters": (
        [fee("", "0.6", sku={"id": "r", "description": "commitment v1: Cpu"}), used("1", credit(RESOURCE, "-1"))],
        {"Usage Used": "0.6"}),
    "two_kinds_without_names": (
        [fee("", "0.6"), cents(None, "0.72", 1), used("2", credit(RESOURCE, "-1"), credit(SPEND, "-1"), hours=2)],
        {"Usage Used": "0.6", "Spend Used": "0.72"}),
    "two_kinds_and_one_fee": (
        [fee("", "0.6"), used("2", credit(RESOURCE, "-1.9"), credit(SPEND, "-0.1"))],
        {"Usage Used": "0.57", "Usage Unused": "0.03", "Spend Used": "0"}),
    "two_kinds_and_one": (
        [fee("", "0.6", usage=used("0", hours=2)["usage"]), cents(None, "0.72", 1), used("1", credit(RESOURCE, "-1")),
         used("2", credit(RESOURCE, "-1"), credit(SPEND, "-1"), hours=2)],
        {"Usage Used": "0.6", "Spend Used": "0.72"}),
    "two_kinds_of_one_name": (
        [fee("s", "0.6"), cents("s", "0.72", 1),
         used("2", credit(RESOURCE, "-1"), credit(SPEND, "-1"), hours=2, subscription={"instance_id": "s"})],
        {"Usage Used": "0.6", "Spend Used": "0.72"}),
    "two_kinds_beyond_the_cost": (
        [fee("r", "0.6"), cents("d", "0.72", 1), used("2", credit(RESOURCE, "-1.5"), credit(SPEND, "-1"), hours=2)],
        {"Usage Used": "0.6", "Spend Used": "0.36", "Spend Unused": "0.36", "Spend Adjustment": "-0.5"}),
    # A name comes before the category that the fee's text or the credit's type suggests.
    "name_of_a_database": (
        [fee("s1", "0.6", **DATABASE), used("1", credit(SPEND, "-1"), subscription={"instance_id": "s1"})],
        {"Spend Used": "0.6"}),
    "name_applied": (
        [fee("s1", "0.6", **DATABASE),
         used("1", credit(SPEND, "-1"), consumption_model=MODEL | {"applied_subscription_instance_id": "s1"})],
        {"Spend Used": "0.6"}),
    "name_of_resources": (
        [cents("s1", "0.6", 1), used("1", credit(RESOURCE, "-1"), subscription={"instance_id": "s1"})],
        {"Usage Used": "0.6"}),
    # Credits that cover nothing adjust the commitment.
    "late_credit": ([used("0", credit(RESOURCE, "-0.05"), usage=None)], {"Usage Adjustment": "-0.05"}),
    "credit_of_nothing": (
        [fee("r", "0.6"), used("1", credit(RESOURCE, "-1")), row(**NOTHING, credits=[credit(RESOURCE, "-0.05")])],
        {"Usage Used": "0.6", "Usage Adjustment": "-0.05"}),
    "credit_taken_back": (
        [fee("r", "0.6"), used("1", credit(RESOURCE, "-1")), row(**NOTHING, credits=[credit(RESOURCE, "0.05")])],
        {"Usage Used": "0.6", "Usage Adjustment": "0.05"}),
    "credit_of_a_month_before": (
        [fee("r", "0.6", invoice={"month": "202610"}),
         row(**NOTHING, **TAKEN_BACK, invoice={"month": "202610"}, credits=[credit(RESOURCE, "0.05")])],
        {"Usage Unused": "0.6", "Usage Adjustment": "0.05"}),
    "negative_cost_and_credit": (
        [fee("r", "0.6"), used("1", credit(RESOURCE, "-1")), used("-0.1", credit(RESOURCE, "-0.05"))],
        {"Usage Used": "0.6", "Usage Adjustment": "-0.05"}),
    "cost_and_credit": (
        [fee("r", "0.6"), used("1", credit(RESOURCE, "1")), used("1", credit(RESOURCE, "-1"))],
        {"Usage Used": "0.6", "Usage Adjustment": "1"}),
    # A fee that a promotion or a margin pays for bills 0, so it distributes nothing.
    "promotion_of_a_fee": (
        [fee("r", "0.6", credits=[credit("PROMOTION", "-0.6")]), used("1", credit(RESOURCE, "-1"))],
        {"Usage Used": "0"}),
    "margin_of_a_fee": (
        [cents("d", "0.72", 1, credits=[credit("RESELLER_MARGIN", "-0.72")]), used("1", credit(SPEND, "-1"))],
        {"Spend Used": "0"}),
    "free_beside_unused": (
        [fee("a", "0.6", credits=[credit("PROMOTION", "-0.6")]), fee("b", "0.7"),
         used("1", credit(RESOURCE, "-1"), subscription={"instance_id": "a"})],
        {"Usage Used": "0", "Usage Unused": "0.7"}),
    # Corrections take back more hours than the day has, and less than their cost: the fee is shared by cost.
    "hours_taken_back": (
        [fee("r", "1.8"), used("1.5", credit(RESOURCE, "-1.5"), hours=0.25),
         used("-1.2", credit(RESOURCE, "0.6"), hours=-2, **TAKEN_BACK)],
        {"Usage Used": "1.8"}),
    "fee_of_a_model": (
        [fee("s", "1", sku={"id": "M", "description": "Commitment: Flexible CUD 1 year"}, consumption_model=MODEL),
         used("1", credit(RESOURCE, "-1"))],
        {"Spend Unused": "1", "Usage Used": "0"}),
    # Credits with an unusual type, and without one.
    "no_type": ([fee("r", "0.6"), used("1", untyped(None, CPU))], {"Usage Used": "0.6"}),
    "no_type_to_spend": (
        [cents("d", "0.6", 1), used("1", untyped("", "Committed use discount - dollar based: GCE"))],
        {"Spend Used": "0.6"}),
    "no_type_no_name": ([fee("r", "0.6"), used("1", untyped(None, "Sustained"))], {"Usage Unused": "0.6"}),
    "lower_case": ([fee("r", "0.6"), used("1", untyped(RESOURCE.lower(), "x"))], {"Usage Used": "0.6"}),
    # A price of the 2025 model belongs to the spend-based commitment, and the credit to the resource-based one.
    "model_and_credit": (
        [fee("r", "0.3"), cents("d", "1", 1, credits=[credit("FEE_UTILIZATION_OFFSET", "-1")]),
         used("0.7", credit(RESOURCE, "-0.3"), hours=3, consumption_model=MODEL, subscription={"instance_id": "d"})],
        {"Usage Used": "0.3", "Spend Used": "0.4"}),
    "fee_without_sku": ([fee("", "0.6", **NO_SKU)], {"Usage Unused": "0.6"}),
    "default_in_lower_case": ([row(consumption_model={"id": "D", "description": "default"})], {}),
}  # fmt: skip


@pytest.fixture(scope="module")
def extract(statements: Statements) -> str:
    """A staging table with the rows of all cases."""
    return statements.staged(
        [line | {"billing_account_id": name} for name, (lines, _) in CASES.items() for line in lines]
    )


@pytest.fixture(scope="module")
def table(statements: Statements, extract: str) -> str:
    """The FOCUS table that is made of `extract`."""
    return statements.focus_table(extract)


@pytest.fixture(scope="module")
def found(statements: Statements, table: str) -> dict[str, list[Json]]:
    """FOCUS rows by case."""
    by_case: dict[str, list[Json]] = {name: [] for name in CASES}
    for item in statements.client.query_and_wait(f"SELECT * FROM {statements.dataset}.{table}"):
        by_case[item["BillingAccountId"]].append(dict(item.items()))
    return by_case


@pytest.mark.parametrize("case", CASES)
def test_each_credit_meets_the_fees_of_its_commitment(found: dict[str, list[Json]], case: str) -> None:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for item in found[case]:
        if item["CommitmentDiscountId"] is not None and item["ChargeCategory"] != "Purchase":
            status = item["CommitmentDiscountStatus"] or item["ChargeCategory"]
            sums[f"{item['CommitmentDiscountCategory']} {status}"] += item["EffectiveCost"]
    assert sums == {key: Decimal(cost) for key, cost in CASES[case][1].items()}


@pytest.mark.parametrize("case", CASES)
def test_parts_of_a_case_add_up_to_its_billed_cost(found: dict[str, list[Json]], case: str) -> None:
    lines = CASES[case][0]
    costs = [Decimal(line["cost"]) for line in lines]
    billed = sum(costs) + sum(Decimal(part["amount"]) for line in lines for part in line["credits"])
    wanted = {"BilledCost": billed, "EffectiveCost": billed, "ContractedCost": sum(costs)}
    assert {column: sum(item[column] for item in found[case]) for column in wanted} == wanted


@pytest.mark.parametrize("check", ["focus_commitments", "focus_utilization", "focus_prices", "focus_missing_values"])
def test_days_with_these_credits_are_published(statements: Statements, table: str, extract: str, check: str) -> None:
    assert statements.failing(check, table, extract) == []


def test_each_part_of_a_row_with_two_kinds_has_its_own_commitment(found: dict[str, list[Json]]) -> None:
    parts = {
        item["CommitmentDiscountId"]: (item["CommitmentDiscountName"], item["ConsumedQuantity"], item["ListCost"])
        for item in found["two_kinds"]
        if item["CommitmentDiscountStatus"] == "Used"
    }
    assert parts == {"r": (RESOURCE, 3600, 1), "d": (SPEND, 3600, 1)}


def test_an_adjustment_of_a_commitment_is_not_usage(found: dict[str, list[Json]]) -> None:
    [item] = found["late_credit"]
    columns = ("ChargeCategory", "ChargeClass", "ChargeFrequency", "CommitmentDiscountId", "CommitmentDiscountStatus",
               "CommitmentDiscountQuantity", "ConsumedQuantity", "PricingQuantity", "PricingCategory")  # fmt: skip
    assert [item[column] for column in columns] == ["Adjustment", None, "One-Time", RESOURCE, *[None] * 5]
    [correction] = [item for item in found["credit_of_a_month_before"] if item["ChargeCategory"] == "Adjustment"]
    assert correction["ChargeClass"] == "Correction"


def test_a_model_named_default_does_not_count_in_upper_or_lower_case(found: dict[str, list[Json]]) -> None:
    [item] = found["default_in_lower_case"]
    columns = ("PricingCategory", "x_consumption_model", "CommitmentDiscountId")
    assert [item[column] for column in columns] == ["Standard", None, None]
