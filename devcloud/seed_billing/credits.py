"""Credits besides commitments: discounts, free tiers and promotions, as the export shows them."""

from __future__ import annotations

import random
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from typing import Any

Json = dict[str, Any]

_QUANTUM = Decimal("0.000001")
_ANY_ROW_PROMOTION = 0.02


@dataclass(frozen=True)
class _Credit:
    name: str
    chance: float
    share: Decimal
    full_name: str | None = None


_CREDITS = {
    "SUSTAINED_USAGE_DISCOUNT": _Credit("Sustained Usage Discount", 0.5, Decimal("0.2")),
    "FREE_TIER": _Credit("Free Tier", 0.3, Decimal(1)),
    "DISCOUNT": _Credit("Spending based discount", 0.6, Decimal("0.05"), "Spending based discounts (contractual)"),
    "PROMOTION": _Credit("Startup credit", 0.5, Decimal("0.5"), "Google for Startups Cloud Program"),
}


def draw_credits(rng: random.Random, types: tuple[str, ...], cost: Decimal) -> list[Json]:
    """The row's credits, never more than `cost`."""
    drawn: list[Json] = []
    remaining = cost
    first = next((type_ for type_ in types if rng.random() < _CREDITS[type_].chance), None)
    second = "PROMOTION" if first != "PROMOTION" and rng.random() < _ANY_ROW_PROMOTION else None
    for type_ in filter(None, (first, second)):
        credit = _CREDITS[type_]
        amount = (remaining * credit.share).quantize(_QUANTUM, ROUND_DOWN)
        if amount > 0:
            drawn.append(_export(type_, credit, amount))
            remaining -= amount
    return drawn


def _export(type_: str, credit: _Credit, amount: Decimal) -> Json:
    return {
        "name": credit.name,
        "amount": float(-amount),
        "full_name": credit.full_name,
        "id": credit.name,
        "type": type_,
    }
