"""Prints, as JSON, the rules of FOCUS 1.4 that each file breaks, with the first row of each: `python lint.py FILE...`.

The package of the official validator has no rules of 1.4, so this linter is a second judge. It runs in its own
environment (requirements/judges/toolkit.txt), without the network. A file is a JSON list of rows. All values are texts.
"""

from __future__ import annotations

import json
import sys
from decimal import Decimal
from pathlib import Path

from focus_data_toolkit.model.validator import lint_focus_1_4_structure

Row = dict[str, str]
# The features that the clouds have. The linter checks some rules only for providers with a certain feature.
_SUPPORTED = ("SupportsMultiplePricingCategories", "SupportsUnitPricing")
# In FOCUS a cost is its unit price times its quantity. Google rounds a cost to six digits, and NUMERIC rounds a price
# and a quantity to nine. We accept the differences that these roundings make. The linter itself allows a relative 1e-9.
_PRODUCTS = {
    "ListCost": ("ListUnitPrice", "PricingQuantity"),
    "ContractedCost": ("ContractedUnitPrice", "PricingQuantity"),
}
_OF_GOOGLE, _OF_NUMERIC = Decimal("0.000002"), Decimal("0.000000001")


def broken_rules(rows: list[Row]) -> dict[str, str]:
    """The first message of each broken rule, by `column:rule`."""
    found: dict[str, str] = {}
    for violation in lint_focus_1_4_structure("Cost and Usage", rows, supported_conditions=_SUPPORTED).violations:
        row = {} if violation.row_index is None else rows[violation.row_index]
        if violation.column in _PRODUCTS and _is_rounded(row, violation.column):
            continue
        found.setdefault(f"{violation.column}:{violation.rule}", f"row {violation.row_index}: {violation.message}")
    return found


def _is_rounded(row: Row, cost: str) -> bool:
    """Whether cost and product differ only by rounding; False if a row lacks the cost or a factor."""
    price, quantity = (row.get(name) or "" for name in _PRODUCTS[cost])
    if not (row.get(cost) and price and quantity):
        return False
    factors = abs(Decimal(price)) + abs(Decimal(quantity))
    return abs(Decimal(price) * Decimal(quantity) - Decimal(row[cost])) <= _OF_GOOGLE + factors * _OF_NUMERIC


def main(files: list[str]) -> None:
    """Judge the files in turn."""
    found = [broken_rules(json.loads(Path(file).read_text(encoding="utf-8"))) for file in files]
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1:])
