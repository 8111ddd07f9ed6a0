"""A tenant's exchange rates, and sums of costs converted with them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from shared.domain.costs import EXACT, Currency
from shared.errors import InvalidInput

_FIRST_YEAR, _LAST_YEAR = 2000, 2999


def _as_rate(value: Any) -> Decimal:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{1,9}(?:\.[0-9]{1,9})?", value) or not Decimal(value):
        raise ValueError("must be a decimal number above 0 as a string, with at most nine decimals")
    return Decimal(value)


Rate = Annotated[Decimal, BeforeValidator(_as_rate)]


class RatesRequest(BaseModel):
    """The rates of a month: how much of `currency` one unit of each other currency is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    currency: Currency
    rates: Annotated[dict[Currency, Rate], Field(min_length=1, max_length=200)]

    @model_validator(mode="after")
    def _check_itself(self) -> RatesRequest:
        if self.currency in self.rates:
            raise ValueError("a currency needs no rate to itself")
        return self


def read_month(text: str) -> date:
    """The first day of a month as YYYY-MM; InvalidInput if it is none."""
    match = re.fullmatch(r"([0-9]{4})-(0[1-9]|1[0-2])", text)
    if not match or not _FIRST_YEAR <= int(match[1]) <= _LAST_YEAR:
        raise InvalidInput.of_field("month", f"must be a month as YYYY-MM from {_FIRST_YEAR} to {_LAST_YEAR}")
    return date(int(match[1]), int(match[2]), 1)


def converted(sums: Iterable[Mapping[str, Any]], currency: str) -> list[dict[str, Any]]:
    """The sums in one currency, one for each group and period. Products are exact: nothing is rounded.

    `sums` are those of cost_blocks, each of one billing currency and month, with the month's `rate`. InvalidInput names
    month and currencies if a rate is missing.
    """
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in sums:
        rate = _rate_of(row, currency)
        key = (row["group_rank"], row["period"])
        kept = found.setdefault(key, {**row, "billing_currency": currency, "cost": None, "previous_cost": None})
        for name in ("cost", "previous_cost"):
            if row[name] is not None:
                product = EXACT.multiply(row[name], rate)
                kept[name] = product if kept[name] is None else EXACT.add(kept[name], product)
    return list(found.values())


def _rate_of(row: Mapping[str, Any], currency: str) -> Decimal:
    if row["billing_currency"] == currency:
        return Decimal(1)
    if row["rate"] is None:
        pair = f"from {row['billing_currency']} to {currency}"
        message = f"needs the rate {pair} of {row['month']:%Y-%m}; PUT .../rates/{row['month']:%Y-%m} sets it"
        raise InvalidInput.of_field("currency", message)
    rate: Decimal = row["rate"]
    return rate
