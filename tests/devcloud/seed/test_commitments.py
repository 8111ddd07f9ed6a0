"""The sample's commitments are consistent: they cover no more than was bought and give back the used part."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from devcloud.seed_billing.rows import Generator, Plan

Json = dict[str, Any]

# The second range begins on a day with hours of two invoice months: in Google's time zone, 2025-11-01 UTC begins in
# October.
PLANS = [Plan(seed=11, start=date(2025, 10, 25), days=14, rows_per_day=150), Plan(3, date(2025, 11, 1), 7, 5)]
RESOURCE = ("cud-cpu-0001", "cud-ram-0001")
FLEXIBLE = "cud-flex-0001"


@pytest.fixture(scope="module", params=PLANS, ids=("usual", "small"))
def contents(request: pytest.FixtureRequest) -> list[Json]:
    return [json.loads(row.text) for _, rows in Generator(request.param).days() for row in rows]


def number(value: float | str) -> Decimal:
    return Decimal(str(value))


def credited(content: Json, kind: str) -> Decimal:
    return sum((-number(item["amount"]) for item in content["credits"] if item["type"] == kind), Decimal(0))


def is_fee(content: Json) -> bool:
    return bool(content["sku"]["description"].startswith("Commitment"))


def pools(contents: list[Json], commitment: str) -> dict[tuple[str, str], list[Json]]:
    """A commitment's rows by usage date and invoice month."""
    found = defaultdict(list)
    for content in contents:
        if (content.get("subscription") or {}).get("instance_id") == commitment:
            found[content["usage_start_time"][:10], content["invoice"]["month"]].append(content)
    return found


@pytest.mark.parametrize("commitment", RESOURCE)
def test_no_more_hours_of_a_resource_are_covered_than_were_bought(contents: list[Json], commitment: str) -> None:
    unused = Decimal(0)
    for rows in pools(contents, commitment).values():
        [fee] = [content for content in rows if is_fee(content)]
        usage = [content for content in rows if not is_fee(content)]
        assert {content["usage"]["pricing_unit"] for content in rows} == {fee["usage"]["pricing_unit"]}
        assert len({content["sku"]["id"] for content in usage}) <= 1
        for content in usage:
            assert 0 < credited(content, "COMMITTED_USAGE_DISCOUNT") <= number(content["cost"])
            assert number(fee["price"]["effective_price"]) == pytest.approx(
                number(content["price"]["list_price"]) * Decimal("0.63"), rel=Decimal("0.001")
            )
        covered = sum(
            credited(content, "COMMITTED_USAGE_DISCOUNT") / number(content["price"]["list_price"]) for content in usage
        )
        left = number(fee["usage"]["amount_in_pricing_units"]) - covered
        assert left > Decimal("-0.000001")
        unused += left
    assert unused > 1


def test_offset_of_a_fee_is_the_usage_at_the_lower_price(contents: list[Json]) -> None:
    offsets = Decimal(0)
    for rows in pools(contents, FLEXIBLE).values():
        [fee] = [content for content in rows if is_fee(content)]
        usage = [content for content in rows if not is_fee(content)]
        offset = credited(fee, "FEE_UTILIZATION_OFFSET")
        assert offset == sum(number(content["cost"]) for content in usage) <= number(fee["cost"])
        for content in usage:
            assert content["consumption_model"]["description"] == "Compute Flexible CUDs 1 Year"
            assert number(content["cost"]) == number(content["cost_at_list"]) * Decimal("0.72")
        offsets += offset
    assert offsets > 0


def test_the_fee_of_a_commitment_is_the_same_every_day(contents: list[Json]) -> None:
    for commitment in (*RESOURCE, FLEXIBLE):
        fees: dict[str, Decimal] = defaultdict(Decimal)
        for (day, _), rows in pools(contents, commitment).items():
            fees[day] += sum(number(content["cost"]) for content in rows if is_fee(content))
        assert len(set(fees.values())) == 1


def test_a_commitment_has_lower_prices_or_credits_but_not_both(contents: list[Json]) -> None:
    types = {credit["type"] for content in contents for credit in content["credits"]}
    assert "COMMITTED_USAGE_DISCOUNT_DOLLAR_BASE" not in types
    for content in contents:
        model = content.get("consumption_model", {}).get("description")
        assert model in {None, "Default"} or not credited(content, "COMMITTED_USAGE_DISCOUNT")
