"""Maps the columns of AWS's reports to CUR 2.0's names: legacy names, as in the report or in Athena, and its own."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from shared.connectors.objects.column_names import known_by_letters, letters_of
from shared.errors import StepRefused

# Without these columns no cost can be computed. The query of an export may leave any column out.
REQUIRED = (
    "bill_payer_account_id",
    "line_item_currency_code",
    "line_item_line_item_type",
    "line_item_product_code",
    "line_item_unblended_cost",
    "line_item_usage_end_date",
    "line_item_usage_start_date",
)
# By a category's legacy name: the object for those of its columns that have no column of their own in the table.
_OBJECTS = {
    "product": "product",
    "resourceTags": "resource_tags",
    "costCategory": "cost_category",
    "discount": "discount",
}
_FLAT_OBJECTS = {"product_": "product", "resource_tags_": "resource_tags", "cost_category_": "cost_category"}
_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass(frozen=True)
class Columns:
    """The places of a file's columns in the table.

    `own`: the table's column for each; `members`: the key within an object; `others`: unknown columns.
    """

    own: dict[str, str] = field(default_factory=dict)
    members: dict[str, dict[str, str]] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)


def place_columns(names: Sequence[str], known: Collection[str], *, file: str) -> Columns:
    """Find each column's place. It raises StepRefused for missing columns, and for a file that is no such report."""
    by_letters = known_by_letters(known)
    found = Columns()
    taken: set[str] = set()
    for name in names:
        column = by_letters.get(letters_of(name))
        if column is not None and column not in taken:
            taken.add(column)
            found.own[name] = column
        elif (member := _member(name)) is not None:
            found.members.setdefault(member[0], {})[name] = member[1]
        else:
            found.others.append(name)
    for owner in found.members.keys() & taken:  # the export has the whole object, so these columns are in it already
        found.others.extend(found.members.pop(owner))
    if missing := [name for name in REQUIRED if name not in taken]:
        raise StepRefused(_unusable(names, missing, file))
    return found


def _member(name: str) -> tuple[str, str] | None:
    category, slash, rest = name.partition("/")
    if slash and category in _OBJECTS:
        if category == "resourceTags":
            return _OBJECTS[category], rest.replace(":", "_", 1)
        return _OBJECTS[category], rest if category == "costCategory" else _CAPITAL.sub("_", rest).lower()
    for start, owner in _FLAT_OBJECTS.items():
        if not slash and name.startswith(start):
            return owner, name.removeprefix(start)
    return None


def _unusable(names: Sequence[str], missing: Sequence[str], file: str) -> str:
    if {"BilledCost", "ChargeCategory"} <= set(names):
        return f"{file} is a FOCUS export, which aws/cost/focus loads; this pipeline reads Cost and Usage Reports"
    return f"{file} lacks columns that a cost needs: {', '.join(missing)}; add them to the export"
