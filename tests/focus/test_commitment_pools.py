"""Fees pay for covered usage by the commitment's name if the export has it, otherwise in proportion.

Each case is a billing account of its own, so that one job answers all of them. The figures are those of the
specification's examples and of Google's pages on both models of commitments.
"""

from __future__ import annotations

import random
from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest

from tests.support.focus.statements import Json, Statements, credit, fee, row

RESOURCE, SPEND = "COMMITTED_USAGE_DISCOUNT", "COMMITTED_USAGE_DISCOUNT_DOLLAR_BASE"
FLEXIBLE = {"sku": {"id": "OLD-FEE", "description": "Commitment - dollar based v1: GCE for 1 year"}}
NEW_FLEXIBLE = {"sku": {"id": "NEW-FEE", "description": "Commitment - dollar based v1: GCE for 1 year"}}
MODEL = {"id": "D97B-0795-975B", "description": "Compute Flexible CUD - 1 Year"}
FIRST_OF_OCTOBER = {"usage_start_time": "2026-10-01T05:00:00Z", "usage_end_time": "2026-10-01T06:00:00Z"}


def covered(cost: str, kind: str = RESOURCE, by: str | None = None, **changes: Any) -> Json:
    """An hour of usage that a commitment covers in full, or by the amount `by`. The credit has Google's generic id."""
    generic = "Committed Usage Discount: CPU" if kind == RESOURCE else "b1c2"
    part = credit(kind, f"-{by or cost}", id=generic, name=generic, full_name=None)
    return row(cost=cost, cost_at_list=cost, price=None, credits=[part], **changes)


def sold(name: str, cost: str, **changes: Any) -> Json:
    """A fee without the name of its commitment, as in the standard export."""
    return fee("", cost, sku={"id": name, "description": f"Commitment v1: {name} in Americas for 1 Year"}, **changes)


def hours(amount: float, unit: str = "hour") -> Json:
    return {"usage": {"amount": amount, "unit": "seconds", "amount_in_pricing_units": amount, "pricing_unit": unit}}


def dollars(commitment: str, hourly: str, committed: float, **changes: Any) -> Json:
    """An hour's fee of the older model for a number of dollars at list prices; one unit stands for one cent."""
    return fee(commitment, hourly, price=None, **(FLEXIBLE | hours(committed * 100) | changes))


def offset_fee(commitment: str, hourly: str, used: str, **changes: Any) -> Json:
    """An hour's fee of the 2025 model, and how much of it was used."""
    offset = credit("FEE_UTILIZATION_OFFSET", f"-{used}")
    return fee(commitment, hourly, credits=[offset], **(NEW_FLEXIBLE | changes))


def lowered(cost: str, commitment: str | None = None, **changes: Any) -> Json:
    """An hour of usage at the price of the 2025 model."""
    return row(cost=cost, consumption_model=MODEL, subscription={"instance_id": commitment}, price=None, **changes)


def at(hour: int) -> Json:
    return {"usage_start_time": f"2026-09-10T{hour:02d}:00:00Z", "usage_end_time": f"2026-09-10T{hour + 1:02d}:00:00Z"}


# By name: the export's rows, the EffectiveCosts of the covered usage in that order, and the unused part of the fees.
CASES: dict[str, tuple[list[Json], list[str], str]] = {
    # Fees of CPU and RAM under credits with generic ids: the standard export.
    "cpu_and_ram": ([sold("N2 Cpu", "0.6"), sold("N2 Ram", "0.2"), covered("1"), covered("0.4")],
                    ["0.228571429", "0.571428571"], "0"),
    "two_subscriptions_one_credit": (
        [fee("one-year", "1", **FLEXIBLE), fee("three-years", "3", **FLEXIBLE),
         covered("2", SPEND), covered("6", SPEND)],
        ["1", "3"], "0"),
    "usage_without_fees": ([covered("2")], ["0"], "0"),
    "fees_without_usage": ([sold("N2 Cpu", "0.6"), fee("c", "0.4")], [], "1"),
    # The name of the usage decides which commitment covers it; the other commitment is unused.
    "named": ([fee("a", "0.5"), fee("b", "0.7"), covered("1", subscription={"instance_id": "a"})], ["0.5"], "0.7"),
    "named_and_not": (
        [fee("a", "0.5"), fee("b", "0.75"), covered("1", subscription={"instance_id": "a"}), covered("3")],
        ["0.5", "0.75"], "0"),
    # No fee is left, and some usage names no commitment: the same commitments cover it.
    "usage_left_over": ([fee("a", "2"), covered("1", subscription={"instance_id": "a"}), covered("3")],
                        ["0.5", "1.5"], "0"),
    "names_that_never_meet": ([fee("a", "0.5"), covered("1", subscription={"instance_id": "z"})], ["0.5"], "0"),
    # A fee pays only for usage of its own day, invoice month, currency and kind of commitment.
    "other_day": ([sold("N2 Cpu", "0.6"), covered("1", **FIRST_OF_OCTOBER)], ["0"], "0.6"),
    "other_month": (
        [sold("N2 Cpu", "0.6", **FIRST_OF_OCTOBER), covered("1", invoice={"month": "202610"}, **FIRST_OF_OCTOBER)],
        ["0"], "0.6"),
    "other_currency": ([sold("N2 Cpu", "0.6"), covered("1", currency="EUR")], ["0"], "0.6"),
    "other_kind": ([sold("N2 Cpu", "0.6"), covered("1", SPEND)], ["0"], "0.6"),
    # Bought hours of CPU and RAM are measured separately: all CPU hours and half of the RAM hours are used.
    "half_of_the_ram": (
        [sold("N2 Cpu", "0.6", **hours(2)), sold("N2 Ram", "0.4", **hours(8, "gibibyte hour")),
         covered("1", **hours(2)), covered("0.6", **hours(4, "gibibyte hour"))],
        ["0.3", "0.5"], "0.2"),
    "none_of_the_ram": (
        [sold("N2 Cpu", "0.6", **hours(2)), sold("N2 Ram", "0.4", **hours(8, "gibibyte hour")),
         covered("1", **hours(2))],
        ["0.6"], "0.4"),
    "usage_in_another_unit": ([sold("N2 Cpu", "0.6", **hours(2)), covered("1", **hours(9, "count"))], ["0.6"], "0"),
    # Attribution by project: a fee for each project that used it, and the rest without a project.
    "attributed_to_projects": (
        [sold("N2 Cpu", "3", project={"id": "a"}, **hours(3)), sold("N2 Cpu", "1", project={"id": "b"}, **hours(1)),
         sold("N2 Cpu", "4", project=None, **hours(4)),
         covered("6", project={"id": "a"}, **hours(3)), covered("2", project={"id": "b"}, **hours(1))],
        ["1", "3"], "4"),
    # Google's page on the older model: $50 of usage against commitments to $50, $40 and $60 for 72 % of that.
    "spend_all": ([dollars("s", "36", 50), covered("50", SPEND)], ["36"], "0"),
    "spend_more": ([dollars("s", "28.8", 40), covered("50", SPEND, by="40")], ["28.8"], "0"),
    "spend_less": ([dollars("s", "43.2", 60), covered("50", SPEND)], ["36"], "7.2"),
    "spend_in_euros": (
        [dollars("s", "21.6", 60, currency="EUR", currency_conversion_rate=0.5),
         covered("25", SPEND, currency="EUR", currency_conversion_rate=0.5)], ["18"], "3.6"),
    "spend_not_measured": ([fee("s", "43.2", **FLEXIBLE), covered("50", SPEND)], ["43.2"], "0"),
    # The same in the 2025 model: usage costs its lower price, and the fee is offset by what was used.
    "model_all": ([offset_fee("s", "36", "36"), lowered("36")], ["36"], "0"),
    "model_more": ([offset_fee("s", "28.8", "28.8"), lowered("28.8"), row(cost="10")], ["28.8"], "0"),
    "model_less": ([offset_fee("s", "43.2", "36"), lowered("36")], ["36"], "7.2"),
    # A switch of the model within a day: the older fee pays for covered usage of the day, later ones are separate.
    "switch_within_a_day": (
        [fee("s", "0.7", **(FLEXIBLE | at(3))), covered("1", SPEND, **at(3)),
         offset_fee("s", "0.7", "0.5", **at(8)), lowered("0.5", "s", **at(8)),
         fee("s", "0.7", **(NEW_FLEXIBLE | at(9)))],
        ["0.5", "0.7"], "0.9"),
    "switch_of_one_sku": (
        [fee("s", "0.7", **(FLEXIBLE | at(3))), covered("1", SPEND, **at(3)),
         offset_fee("s", "0.7", "0.5", **(FLEXIBLE | at(8))), lowered("0.5", "s", **at(8))],
        ["0.5", "0.7"], "0.2"),
    # Corrections: usage that is taken back takes its share of the fee with it; a fee that is taken back leaves less to
    # share.
    "usage_taken_back": (
        [sold("N2 Cpu", "0.6"), covered("3"), covered("-1", by="-1") | {"credits": [credit(RESOURCE, "1")]}],
        ["-0.3", "0.9"], "0"),
    "all_taken_back": (
        [sold("N2 Cpu", "0.6"), covered("1"), covered("-1", by="-1") | {"credits": [credit(RESOURCE, "1")]}],
        ["0", "0"], "0.6"),
    "fee_taken_back": ([sold("N2 Cpu", "0.6"), sold("N2 Cpu", "-0.2"), covered("1")], ["0.4"], "0"),
}  # fmt: skip


@pytest.fixture(scope="module")
def found(statements: Statements) -> dict[str, list[Json]]:
    """FOCUS rows by case."""
    rows = [line | {"billing_account_id": name} for name, (lines, _, _) in CASES.items() for line in lines]
    by_case: dict[str, list[Json]] = {name: [] for name in CASES}
    for item in statements.focus(rows):
        by_case[item["BillingAccountId"]].append(item)
    return by_case


def effective(rows: list[Json], status: str) -> list[Decimal]:
    return sorted(item["EffectiveCost"] for item in rows if item["CommitmentDiscountStatus"] == status)


@pytest.mark.parametrize("case", CASES)
def test_fees_pay_for_the_usage_that_they_cover(found: dict[str, list[Json]], case: str) -> None:
    _, used, unused = CASES[case]
    assert effective(found[case], "Used") == [Decimal(cost) for cost in used]
    assert sum(effective(found[case], "Unused")) == Decimal(unused)


@pytest.mark.parametrize("case", CASES)
def test_effective_cost_of_an_account_equals_its_billed_cost(found: dict[str, list[Json]], case: str) -> None:
    sums = {column: sum(item[column] for item in found[case]) for column in ("BilledCost", "EffectiveCost")}
    billed = sum(Decimal(line["cost"]) + sum(Decimal(c["amount"]) for c in line["credits"]) for line in CASES[case][0])
    # Fees of another day or month do not reach covered usage, but nothing is lost.
    assert sums == {"BilledCost": billed, "EffectiveCost": billed}


def test_usage_has_the_name_of_its_commitment(found: dict[str, list[Json]]) -> None:
    names = {
        case: {item["CommitmentDiscountId"] for item in found[case] if item["CommitmentDiscountStatus"] == "Used"}
        for case in ("named_and_not", "spend_all", "model_all", "cpu_and_ram", "two_subscriptions_one_credit")
    }
    assert names == {
        "named_and_not": {"a", "Committed Usage Discount: CPU"},
        "spend_all": {"s"},
        "model_all": {"s"},
        "cpu_and_ram": {"Committed Usage Discount: CPU"},
        "two_subscriptions_one_credit": {"b1c2"},
    }


def test_bought_quantities_are_used_or_unused(found: dict[str, list[Json]]) -> None:
    quantities: dict[str, Decimal] = defaultdict(Decimal)
    for item in found["half_of_the_ram"]:
        if item["CommitmentDiscountUnit"] == "GiB-Hours":
            quantities[item["CommitmentDiscountStatus"] or "bought"] += item["CommitmentDiscountQuantity"]
    assert quantities == {"bought": 8, "Used": 4, "Unused": 4}


def mixture(number: int) -> list[Json]:
    """Random fees and usage of an account in two invoice months, with corrections."""
    chance = random.Random(number)  # noqa: S311 - only rows
    lines = []
    for _ in range(chance.randint(2, 12)):
        amount = f"{chance.randint(1, 10**7) / 10**6:.6f}"
        named = {"subscription": {"instance_id": chance.choice(["a", "b", None])}}
        month = {"invoice": {"month": chance.choice(["202609", "202610"])}}
        kind = chance.choice([RESOURCE, SPEND])
        made = chance.choice(
            [
                covered(amount, kind, by=chance.choice([None, "0.5"]), **named),
                sold(chance.choice(["Cpu", "Ram"]), amount, **hours(chance.randint(0, 9))),
                dollars(chance.choice("abc"), amount, chance.randint(1, 20)),
                offset_fee("a", amount, "0.1", **at(chance.randint(0, 22))),
                lowered(amount, chance.choice(["a", None])),
                covered(f"-{amount}") | {"credits": [credit(kind, amount)]},
            ]
        )
        lines.append(made | month | {"billing_account_id": f"mixture-{number}"})
    return lines


def test_random_fees_and_usage_lose_no_cost(statements: Statements) -> None:
    sums: dict[tuple[str, object], list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for item in statements.focus([line for number in range(150) for line in mixture(number)]):
        known = sums[item["BillingAccountId"], item["BillingPeriodStart"]]
        known[0] += item["BilledCost"]
        known[1] += item["EffectiveCost"]
    assert len({account for account, _ in sums}) == 150
    assert {key: known for key, known in sums.items() if known[0] != known[1]} == {}
