"""Calculates with amounts, without rounding."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import ROUND_DOWN, Context, Decimal
from functools import reduce

EXACT = Context(prec=120)  # more digits than products of two sums of NUMERIC have
_HUNDREDTH = Decimal("0.01")


def total(amounts: Iterable[Decimal]) -> Decimal:
    """The sum."""
    return reduce(EXACT.add, amounts, Decimal(0))


def difference(first: Decimal, second: Decimal) -> Decimal:
    """The first amount minus the second."""
    return EXACT.subtract(first, second)


def median(amounts: Sequence[Decimal]) -> Decimal:
    """The median of at least one amount."""
    ordered = sorted(amounts)
    upper = ordered[len(ordered) // 2]
    lower = ordered[(len(ordered) - 1) // 2]
    return EXACT.multiply(EXACT.add(lower, upper), Decimal("0.5"))


def percent_of(cost: Decimal, amount: Decimal) -> Decimal:
    """How many percent of the amount the cost is, with two decimals. It is rounded down: 79.999 is not yet 80."""
    share = EXACT.divide(EXACT.multiply(cost, Decimal(100)), amount)
    return share.quantize(_HUNDREDTH, rounding=ROUND_DOWN, context=EXACT)


def plain(amount: Decimal) -> str:
    """The amount in digits, without an exponent and without zeros at its end."""
    text = format(amount, "f")
    return (text.rstrip("0").rstrip(".") or "0") if "." in text else text
