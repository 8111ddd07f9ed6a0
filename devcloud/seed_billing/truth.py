"""Adds up the rows in exact decimals, from the numbers as they are written."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from devcloud.seed_billing.rows import Row


@dataclass
class Sums:
    """Sums of some rows. `total` is the billed amount: the cost plus the credits, which are negative."""

    rows: int = 0
    cost: Decimal = Decimal(0)
    credits: Decimal = Decimal(0)

    def add(self, cost: Decimal, credit: Decimal) -> None:
        """Count one row."""
        self.rows += 1
        self.cost += cost
        self.credits += credit

    def to_json(self) -> dict[str, Any]:
        """The sums as JSON. Decimals are texts, because JSON readers turn numbers into floats."""
        texts = {"cost": self.cost, "credits": self.credits, "total": self.cost + self.credits}
        return {"rows": self.rows} | {name: f"{value.normalize():f}" for name, value in texts.items()}


@dataclass
class Truth:
    """Sums per invoice month and per usage date (UTC)."""

    overall: Sums = field(default_factory=Sums)
    by_invoice_month: defaultdict[str, Sums] = field(default_factory=lambda: defaultdict(Sums))
    by_usage_date: defaultdict[date, Sums] = field(default_factory=lambda: defaultdict(Sums))

    def add(self, row: Row) -> None:
        """Add one row to all its sums."""
        for sums in (self.overall, self.by_invoice_month[row.invoice_month], self.by_usage_date[row.usage_date]):
            sums.add(row.cost, row.credit)

    def to_json(self) -> dict[str, Any]:
        """The truth file's content, sorted."""
        return self.overall.to_json() | {
            "invoice_months": {month: sums.to_json() for month, sums in sorted(self.by_invoice_month.items())},
            "usage_dates": {str(day): sums.to_json() for day, sums in sorted(self.by_usage_date.items())},
        }
