"""The organisation's commitments: the bought amounts, the amounts that each day's usage takes, and the fees."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from devcloud.seed_billing.workloads import ON_DEMAND, Organisation

Json = dict[str, Any]

_BOUGHT_OF_DEMAND = 0.75  # weekdays use up the commitment, weekends leave some unused


@dataclass(frozen=True)
class Commitment:
    """A bought commitment, in units per hour, or in dollars per hour if its model lowers the price."""

    terms: Json
    bought: Decimal

    @property
    def lowers_the_price(self) -> bool:
        """Whether covered usage has a lower price, as in the 2025 model, instead of a credit."""
        return "model" in self.terms

    def credit(self, amount: Decimal) -> Json:
        """The entry in `credits` of a row of covered usage, or of the row of the fee."""
        return {**self.terms["credit"], "id": self.terms["subscription"], "amount": float(-amount)}

    def fee(self, hours: int, used: Decimal) -> tuple[Decimal, Json]:
        """The fee for some hours, and the fields of its row that do not depend on the time."""
        price = self.bought if self.lowers_the_price else Decimal(str(self.terms["price"]))
        quantity = Decimal(hours) if self.lowers_the_price else hours * self.bought
        cost = price * quantity
        prices = ("effective_price", "list_price", "effective_price_default", "list_price_consumption_model")
        return cost, {
            "service": {"id": "6F81-5844-456A", "description": "Compute Engine"},
            "sku": self.terms["sku"],
            "project": self.terms["project"],
            "location": {"location": "us-central1", "country": "US", "region": "us-central1"},
            "price": dict.fromkeys(prices, f"{price:f}")
            | {"tier_start_amount": "0", "unit": self.terms["pricing_unit"], "pricing_unit_quantity": "1"},
            "subscription": {"instance_id": self.terms["subscription"]},
            "consumption_model": ON_DEMAND,
            "usage": {
                "amount": float(quantity * self.terms["per"]),
                "unit": self.terms["unit"],
                "amount_in_pricing_units": float(quantity),
                "pricing_unit": self.terms["pricing_unit"],
            },
            "cost": float(cost),
            "cost_at_list": float(cost),
            "credits": [self.credit(used)] if self.lowers_the_price and used else [],
            "cost_type": "regular",
        }


def buy_commitments(organisation: Organisation, rows_per_day: int) -> dict[str, Commitment]:
    """The organisation's commitments by subscription. The usage of an average day decides their size."""
    demand: defaultdict[str, float] = defaultdict(float)
    for workload, weight in zip(organisation.workloads, organisation.weights, strict=True):
        if workload.commitment:
            price = float(workload.committed.effective_price) if workload.committed else 1.0
            demand[workload.commitment] += workload.amount * price * weight / sum(organisation.weights)
    found = {}
    for terms in organisation.commitments:
        an_hour = Decimal(demand[terms["subscription"]] * rows_per_day * _BOUGHT_OF_DEMAND / 24)
        smallest = Decimal("0.01") if "model" in terms else Decimal(1)
        found[terms["subscription"]] = Commitment(terms, max(an_hour.quantize(smallest), smallest))
    return found


@dataclass
class Coverage:
    """The use of each commitment on one day. A day whose hours fall into two invoice months is counted by month.

    A commitment covers usage of the whole day and not hour by hour, because there are too few rows for that.
    """

    hours: dict[str, int]
    _used: defaultdict[tuple[str, str], Decimal] = field(default_factory=lambda: defaultdict(Decimal))

    def take(self, commitment: Commitment, month: str, wanted: Decimal) -> Decimal:
        """The covered amount. A lower price covers a whole row or nothing; a credit may cover part of a row."""
        key = commitment.terms["subscription"], month
        left = commitment.bought * self.hours[month] - self._used[key]
        if commitment.lowers_the_price and left < wanted:
            return Decimal(0)
        covered = min(left, wanted)
        self._used[key] += covered
        return covered

    def used(self, commitment: Commitment, month: str) -> Decimal:
        """The amount that was used in this month."""
        return self._used[commitment.terms["subscription"], month]
