"""Sample bills of AWS and Azure: the organisation's usage on each day, generated from the seed."""

from __future__ import annotations

import calendar
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import yaml

Json = dict[str, Any]
_AMOUNT = Decimal("0.001")
_COST = Decimal("1e-9")
_CENT = Decimal("0.01")


@dataclass(frozen=True)
class Use:
    """The usage of one line on a day. Its cost has at most nine decimal places."""

    product: Json
    number: int
    day: date
    amount: Decimal

    @property
    def price(self) -> Decimal:
        """The price of a unit."""
        return Decimal(self.product["price"])

    @property
    def cost(self) -> Decimal:
        """The cost at this price."""
        return (self.amount * self.price).quantize(_COST)


@dataclass(frozen=True)
class Bill:
    """The days of one billing period that a cloud has delivered, with the organisation's seed."""

    cloud: str
    seed: int
    period: date
    through: date

    @property
    def days(self) -> list[date]:
        """The days, oldest first."""
        return [self.period + timedelta(days=number) for number in range((self.through - self.period).days + 1)]

    @property
    def end(self) -> date:
        """The first day after the billing period."""
        return self.last + timedelta(days=1)

    @property
    def last(self) -> date:
        """The last day of the billing period."""
        return self.period.replace(day=calendar.monthrange(self.period.year, self.period.month)[1])

    def usage(self) -> Iterator[Use]:
        """The usage, day by day. A longer bill of the same period begins with the same lines."""
        for day in self.days:
            rng = random.Random(f"{self.cloud} {self.seed} {day}")  # noqa: S311 - sample data, not a secret
            for product in load_products(self.cloud):
                for number in range(product["lines"]):
                    amount = product["amount"] * rng.lognormvariate(0, 0.3) * (0.7 if day.weekday() >= 5 else 1)
                    yield Use(product, number, day, max(Decimal(amount).quantize(_AMOUNT), _AMOUNT))


@cache
def load_products(cloud: str) -> list[Json]:
    """The products that the organisation uses on a cloud."""
    content: Json = yaml.safe_load(Path(__file__).with_name("other_clouds.yml").read_text(encoding="utf-8"))
    products: list[Json] = content[cloud]
    return products


def tax(billed: Decimal) -> Decimal:
    """The tax on a bill, in cents."""
    return (billed * Decimal("0.19")).quantize(_CENT)


def text(value: Decimal) -> str:
    """A number without an exponent."""
    return f"{value.normalize():f}"
