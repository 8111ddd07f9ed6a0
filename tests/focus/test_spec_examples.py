"""The worked examples of FOCUS 1.2 for commitment discounts, as Google Cloud's export can express them.

It cannot express purchases with an upfront payment (purchase scenarios 1 and 3): Google bills commitments as they go.
Usage scenario 3, a commitment used in part, follows from FEE_UTILIZATION_OFFSET of the 2025 model alone. There usage is
billed at its lower price, and the fee is lower by that much. So the effective costs are the example's, and the billed
costs are in other rows.
"""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.focus.statements import Json, Statements, credit, fee, row

EXAMPLES = Path(__file__).resolve().parents[3] / "shared" / "data" / "focus" / "spec_examples_1.2"
pytestmark = pytest.mark.skipif(
    not EXAMPLES.is_dir(), reason="the specification's examples are not beside this checkout"
)

SPEND = {"sku": {"id": "5515-81A8-03A2", "description": "Commitment - dollar based v1: GCE for 1 year"}}
MODEL = {"id": "D97B-0795-975B", "description": "Compute Flexible CUDs 1 Year"}


def used(cost: str, covered: str, kind: str = "COMMITTED_USAGE_DISCOUNT") -> Json:
    """An hour of usage of which a commitment covers a part."""
    return row(cost=cost, cost_at_list=cost, price=None, credits=[credit(kind, f"-{covered}")])


DOLLAR_BASE = "COMMITTED_USAGE_DISCOUNT_DOLLAR_BASE"
# The rows that Google would export, and the metrics that are compared with the example.
LINES: dict[str, list[Json]] = {
    "commitment_discount_purchase_scenario_2": [fee("c", "1", **SPEND) for _ in range(3)],
    "commitment_discount_usage_scenario_1": [fee("c", "1", **SPEND), used("1.4", "1.4", DOLLAR_BASE)],
    "commitment_discount_usage_scenario_2": [fee("c", "1", **SPEND)],
    "commitment_discount_usage_scenario_4": [fee("c", "1", **SPEND), used("1.9", "1.4", DOLLAR_BASE)],
    "one_hundred_percent_utilization_without_commitment_discount_flexibility": [fee("c", "1.5"), used("3", "3")],
    "one_hundred_percent_utilization_with_commitment_discount_flexibility_with_1_resource": [
        fee("c", "0.5", usage={"amount_in_pricing_units": 0.25, "pricing_unit": "hour"}),
        used("3", "0.75"),
    ],
    "one_hundred_percent_utilization_with_commitment_discount_flexibility_with_2_resources": [
        fee("c", "2"),
        used("2", "2"),
        used("2", "2"),
    ],
    "zero_percent_utilization_without_commitment_discount_flexibility": [
        fee("c", "1.5"),
        row(cost="2", cost_at_list="2", price=None),
    ],
}
COMPARED = (
    "ChargeCategory",
    "ChargeFrequency",
    "PricingCategory",
    "CommitmentDiscountStatus",
    "BilledCost",
    "EffectiveCost",
)


def example(name: str) -> list[Json]:
    with (EXAMPLES / f"{name}.csv").open(newline="") as lines:
        return [{key: _value(text) for key, text in line.items()} for line in csv.DictReader(lines)]


def _value(text: str) -> str | Decimal | None:
    if text == "null":
        return None
    return Decimal(text) if text.replace(".", "", 1).isdigit() else text


def compared(rows: list[Json]) -> list[tuple[str, ...]]:
    return sorted(tuple(_text(item.get(column)) for column in COMPARED) for item in rows)


def _text(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, Decimal) else str(value)


@pytest.mark.parametrize("name", LINES)
def test_rows_have_the_metrics_of_the_example(statements: Statements, name: str) -> None:
    wanted = example(name)
    # The examples of usage do not show the purchase, and the examples of purchases do not show the usage.
    if not any(item["ChargeCategory"] == "Purchase" for item in wanted):
        rows = [item for item in statements.focus(LINES[name]) if item["ChargeCategory"] != "Purchase"]
    elif all(item["ChargeCategory"] == "Purchase" for item in wanted):
        rows = [item for item in statements.focus(LINES[name]) if item["ChargeCategory"] == "Purchase"]
    else:
        rows = statements.focus(LINES[name])
    assert compared(rows) == compared(wanted)


def test_commitment_used_in_part(statements: Statements) -> None:
    offset = fee("c", "1", credits=[credit("FEE_UTILIZATION_OFFSET", "-0.75")], **SPEND)
    rows = statements.focus([offset, row(cost="0.75", consumption_model=MODEL)])
    wanted = {item["CommitmentDiscountStatus"]: item for item in example("commitment_discount_usage_scenario_3")}
    usage = {item["CommitmentDiscountStatus"]: item for item in rows if item["ChargeCategory"] == "Usage"}
    for status in ("Used", "Unused"):
        for column in ("EffectiveCost", "CommitmentDiscountQuantity", "CommitmentDiscountUnit", "PricingCategory"):
            assert usage[status][column] == wanted[status][column]
    assert sum(item["BilledCost"] for item in rows) == 1


def test_fees_are_spread_to_the_last_digit(statements: Statements) -> None:
    thirds = [used("1", "1") | {"resource": {"global_name": f"vm-{number}"}} for number in range(3)]
    rows = statements.focus([fee("c", "1"), *thirds])
    shares = [item["EffectiveCost"] for item in rows if item["CommitmentDiscountStatus"] == "Used"]
    assert sum(shares) == 1
    assert sorted(shares) == [Decimal("0.333333333"), Decimal("0.333333333"), Decimal("0.333333334")]
