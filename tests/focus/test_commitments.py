"""What commitments bought, how much of it was used, and its cost: in the sample export, and line by line."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import date
from decimal import Decimal

import pytest

from devcloud.seed_billing.rows import Generator, Plan
from tests.support.focus.statements import Json, Statements, credit, fee, object_of, row

# The range has a day with hours of two invoice months: in Google's time zone, 2025-11-01 UTC begins in October.
SAMPLE = Plan(seed=4, start=date(2025, 10, 30), days=5, rows_per_day=120)
RESOURCE = {"cud-cpu-0001": "Hours", "cud-ram-0001": "GiB-Hours"}
FLEXIBLE = "cud-flex-0001"
MODEL = {"id": "D97B-0795-975B", "description": "Compute Flexible CUDs 1 Year"}


def staged(content: Json) -> Json:
    """A row of the sample export as the extract stages it."""
    added = {"x_source": "gcp:sample", "x_pipeline_logging_id": "a-run", "x_ingested_at": "2025-11-06T00:00:00Z"}
    return content | added | {"x_usage_date": content["usage_start_time"][:10]}


@pytest.fixture(scope="module")
def sample(statements: Statements) -> list[Json]:
    """The sample export as FOCUS."""
    contents = [json.loads(line.text) for _, lines in Generator(SAMPLE).days() for line in lines]
    return statements.focus([staged(content) for content in contents])


def parts(rows: list[Json], commitment: str, column: str) -> dict[str, Decimal]:
    """The sums of a column over the rows that are bought, Used, or Unused."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for item in rows:
        if item["CommitmentDiscountId"] == commitment:
            sums[item["CommitmentDiscountStatus"] or item["ChargeCategory"]] += item[column]
    return sums


def test_effective_cost_of_a_billing_period_equals_its_billed_cost(sample: list[Json]) -> None:
    billed: dict[tuple[object, ...], Decimal] = defaultdict(Decimal)
    effective: dict[tuple[object, ...], Decimal] = defaultdict(Decimal)
    for item in sample:
        key = item["BillingPeriodStart"], item["BillingCurrency"]
        billed[key] += item["BilledCost"]
        effective[key] += item["EffectiveCost"]
    assert len(billed) == 2
    assert effective == billed


@pytest.mark.parametrize("commitment", RESOURCE)
def test_bought_hours_and_their_fee_are_used_or_unused(sample: list[Json], commitment: str) -> None:
    hours = parts(sample, commitment, "CommitmentDiscountQuantity")
    effective = parts(sample, commitment, "EffectiveCost")
    assert {item["CommitmentDiscountUnit"] for item in sample if item["CommitmentDiscountId"] == commitment} == {
        RESOURCE[commitment]
    }
    assert hours["Purchase"] == pytest.approx(hours["Used"] + hours["Unused"], abs=Decimal("0.00001"))
    assert 0 < hours["Unused"] < hours["Purchase"]
    assert effective["Used"] + effective["Unused"] == parts(sample, commitment, "BilledCost")["Purchase"]
    at_list = parts(sample, commitment, "ListCost")["Used"]
    assert effective["Used"] == pytest.approx(at_list * Decimal("0.63"), rel=Decimal("0.001"))


def test_bought_dollars_are_used_at_the_lower_price_or_unused(sample: list[Json]) -> None:
    dollars = parts(sample, FLEXIBLE, "CommitmentDiscountQuantity")
    assert dollars["Purchase"] == dollars["Used"] + dollars["Unused"]
    assert 0 < dollars["Unused"] < dollars["Used"]
    assert parts(sample, FLEXIBLE, "BilledCost")["Purchase"] == dollars["Unused"]
    assert parts(sample, FLEXIBLE, "EffectiveCost")["Unused"] == dollars["Unused"]
    assert parts(sample, FLEXIBLE, "ContractedCost")["Used"] == dollars["Used"]


def test_covered_usage_has_the_name_of_its_commitment(sample: list[Json]) -> None:
    names = {
        (item["CommitmentDiscountId"], item["CommitmentDiscountName"])
        for item in sample
        if item["CommitmentDiscountStatus"] == "Used"
    }
    wanted = {(commitment, "1 Year Commitment") for commitment in RESOURCE}
    assert names == wanted | {(FLEXIBLE, "Compute Flexible CUDs 1 Year")}


def test_usage_at_on_demand_prices_has_no_consumption_model(statements: Statements) -> None:
    rows = statements.focus([row(), row(cost="0.7", consumption_model=MODEL)])
    lowered, on_demand = sorted(rows, key=lambda item: item["BilledCost"])
    assert (on_demand["x_consumption_model"], lowered["x_consumption_model"]) == (None, MODEL["description"])
    details = [object_of(item["SkuPriceDetails"])["x_ConsumptionModel"] for item in (on_demand, lowered)]
    assert details == [None, MODEL["description"]]


def test_fee_of_a_month_pays_for_usage_of_that_month(statements: Statements) -> None:
    september = {"usage_start_time": "2026-10-01T05:00:00Z", "usage_end_time": "2026-10-01T06:00:00Z"}
    october = {"usage_start_time": "2026-10-01T09:00:00Z", "usage_end_time": "2026-10-01T10:00:00Z"}
    rows = []
    for times, month, cost in ((september, "202609", "0.6"), (october, "202610", "0.5")):
        invoice = {"invoice": {"month": month}}
        rows += [fee("c", cost, **times, **invoice)]
        rows += [row(**times, **invoice, credits=[credit("COMMITTED_USAGE_DISCOUNT", "-1")])]
    used = [item for item in statements.focus(rows) if item["CommitmentDiscountStatus"] == "Used"]
    found = {item["BillingPeriodStart"].month: item["EffectiveCost"] for item in used}
    assert found == {9: Decimal("0.6"), 10: Decimal("0.5")}


def hours_bought(hours: float, cost: str) -> Json:
    """The fee for this number of hours of a resource."""
    usage = {"amount": hours * 3600, "unit": "seconds", "amount_in_pricing_units": hours, "pricing_unit": "hour"}
    return fee("c", cost, usage=usage, price=None)


def test_fees_for_hours_that_nothing_used_stay_unused_to_the_last_digit(statements: Statements) -> None:
    covered = [row(credits=[credit("COMMITTED_USAGE_DISCOUNT", "-1")], resource={"name": name}) for name in "ab"]
    rows = statements.focus([hours_bought(4, "1"), hours_bought(3, "0.1"), *covered])
    assert parts(rows, "c", "CommitmentDiscountQuantity") == {"Purchase": 7, "Used": 2, "Unused": 5}
    effective = parts(rows, "c", "EffectiveCost")
    assert effective["Used"] + effective["Unused"] == Decimal("1.1")
    assert effective["Used"] == pytest.approx(Decimal("1.1") * 2 / 7, abs=Decimal("0.000000002"))


@pytest.mark.parametrize(
    ("bought", "credited"),
    [
        pytest.param(hours_bought(1, "1"), "-0.99999", id="rounding"),
        pytest.param(fee("c", "1", usage=None, price=None), "-0.5", id="quantity unknown"),
    ],
)
def test_fee_counts_as_fully_used_if_its_use_cannot_be_measured(
    statements: Statements, bought: Json, credited: str
) -> None:
    rows = statements.focus([bought, row(credits=[credit("COMMITTED_USAGE_DISCOUNT", credited)])])
    assert parts(rows, "c", "EffectiveCost") == {"Purchase": 0, "Used": 1}
