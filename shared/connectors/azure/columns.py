"""Names the columns of Azure's cost exports: every spelling and language as the latest schema does."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Literal

from shared.connectors.objects.column_names import letters_of, places_of
from shared.errors import StepRefused

# Without these nothing can be billed.
REQUIRED = ("BillingAccountId", "BillingCurrency", "ChargeType", "CostInBillingCurrency", "Date")
_ALIASES = {
    "billingcurrencycode": "BillingCurrency",
    "cost": "CostInBillingCurrency",
    "instanceid": "ResourceId",
    "invoicesection": "InvoiceSectionName",
    "pretaxcost": "CostInBillingCurrency",
    "resourcegroupname": "ResourceGroup",
    "subscriptionguid": "SubscriptionId",
    "usagedatetime": "Date",
    "usagequantity": "Quantity",
}
_IN_ENGLISH = re.compile(r".*\(\s*(\w+)\s*\)\s*")  # a German export has Ressourcengruppe (ResourceGroup)
_OF_AN_ENROLMENT = "accountownerid"  # only enterprise agreements have accounts
_OF_A_CUSTOMER = frozenset({"costinusd", "exchangeratepricingtobilling"})


@dataclass(frozen=True)
class Columns:
    """The places of a file's columns: `own` maps a column to the table's column, `others` are unknown."""

    agreement: Literal["EA", "MCA"]
    own: dict[str, str] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)


def place_columns(names: Sequence[str], known: Collection[str], *, file: str) -> Columns:
    """Find each column's place. It raises StepRefused for missing columns, or a file that is no export of costs."""
    letters = {name: letters_of(match[1] if (match := _IN_ENGLISH.fullmatch(name)) else name) for name in names}
    found = Columns(_agreement(set(letters.values())), *places_of(names, letters, known, _ALIASES))
    if missing := [name for name in REQUIRED if name not in found.own.values()]:
        raise StepRefused(_unusable(names, missing, file))
    return found


def _agreement(letters: Collection[str]) -> Literal["EA", "MCA"]:
    return "MCA" if _OF_A_CUSTOMER & set(letters) and _OF_AN_ENROLMENT not in letters else "EA"


def _unusable(names: Sequence[str], missing: Sequence[str], file: str) -> str:
    if {"BilledCost", "ChargeCategory"} <= set(names):
        return f"{file} is a FOCUS export, which azure/cost/focus loads; this pipeline reads exports of actual costs"
    return f"{file} lacks columns that a cost needs: {', '.join(missing)}; use the latest schema of actual costs"
