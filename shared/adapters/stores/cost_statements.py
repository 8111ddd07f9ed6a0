"""Composes the statement that adds up a tenant's costs from the parts in costs.sql."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Literal

from shared.adapters.bigquery.sql import Statement, joined, statement
from shared.domain.cost_properties import GROUPS, Property
from shared.domain.costs import MAX_SUMS, METRICS, CostRequest
from shared.domain.virtual_tags import NO_TAGS, Operator, TagRule, VirtualTagRequest, VirtualTags

Table = Literal["focus_cost", "focus_cost_daily"]
CHARGES: Table = "focus_cost"
DAILY: Table = "focus_cost_daily"
PERIODS = "focus_billing_period"
RATES = "x_meta_exchange_rates"
MAX_BYTES = 50_000_000_000  # of one read
# focus_cost_daily has these columns of the properties.
_ADDED_UP = frozenset(
    ("ServiceName", "ServiceCategory", "ProviderName", "BillingAccountId", "SubAccountId", "RegionId", "ChargeCategory")
)

_OPERATORS: Mapping[Operator, str] = {
    "equals": "is_one_of",
    "starts_with": "starts_with_one_of",
    "contains": "contains_one_of",
}


@dataclass(frozen=True)
class Asked:
    """A part of a statement, or a whole one, with the values of its parameters."""

    statement: Statement
    values: Mapping[str, Any]


def is_added_up(request: CostRequest, tags: VirtualTags = NO_TAGS) -> bool:
    """Whether focus_cost_daily can answer the request: it needs no column that this table lacks."""
    return all(_is_added_up(item, tags) for item in (request.group, *request.filters))


def costs_statement(
    request: CostRequest, *, table: Table = CHARGES, with_periods: bool = True, tags: VirtualTags = NO_TAGS
) -> Asked:
    """The statement that answers the request. It reads only the columns that it needs.

    `with_periods`: the tenant has focus_billing_period, which says up to which day each source is final. `tags` has the
    virtual tags that the request names.
    """
    group, wanted = _property(request.group, "group_", tags), _condition(request, tags)
    whole = statement("costs", "read_costs").naming(
        charges=f"{{dataset}}.{table}",
        group_name=group.statement,
        is_wanted=wanted.statement,
        metric=METRICS[request.metric],
        month=statement("costs", "month" if request.currency else "no_month"),
        weighed=statement("costs", "one_currency" if request.currency else "own_currencies"),
        final_days=statement("costs", "final_days" if with_periods else "no_final_days"),
        is_complete=statement("costs", "added_up_rows" if table == DAILY else "all_rows"),
    )
    values: dict[str, Any] = {
        "first_date": request.first_date,
        "last_date": request.last_date,
        "previous_from": request.previous_from,
        "granularity": request.granularity,
        "top": request.top,
        "restated_since": request.restated_since,
        "most_sums": MAX_SUMS + 1,
    }
    if request.currency:
        values["currency"] = request.currency
    return Asked(whole, {**values, **group.values, **wanted.values})


def _is_added_up(item: Property, tags: VirtualTags) -> bool:
    if item.kind == "virtual":
        return all(_is_added_up(looked_at, tags) for looked_at in tags[item.name].properties)
    return item.kind == "column" and GROUPS[item.name] in _ADDED_UP


def _condition(request: CostRequest, tags: VirtualTags) -> Asked:
    """The condition in SQL that is true for the charges that the request's filter wants."""
    if not request.filters:
        return Asked(statement("costs", "every_charge"), {})
    return _joined(
        [
            _compared("equals", wanted, _property(item, prefix, tags), prefix)
            for prefix, (item, wanted) in zip(_prefixes("filter"), request.filters.items(), strict=False)
        ],
        "\nAND ",
    )


def _property(item: Property, prefix: str, tags: VirtualTags) -> Asked:
    """The value of a charge's property in SQL. The parameters get the prefix."""
    if item.kind == "virtual":
        return _virtual(tags[item.name], prefix)
    if item.kind == "tag":
        return Asked(statement("costs", "tag_value").prefixed(prefix), {f"{prefix}tag_key": item.name})
    return Asked(Statement("column", "{column}", {}).naming(column=GROUPS[item.name]), {})


def _virtual(tag: VirtualTagRequest, prefix: str) -> Asked:
    places = _prefixes(f"{prefix}rule")
    rules = _joined([_rule(rule, place) for place, rule in zip(places, tag.rules, strict=False)], "\n")
    whole = statement("costs", "virtual_tag").prefixed(prefix).naming(rules=rules.statement)
    return Asked(whole, {f"{prefix}otherwise": tag.default, **rules.values})


def _rule(rule: TagRule, prefix: str) -> Asked:
    conditions = _joined(
        [
            _compared(condition.operator, condition.values, _property(condition.of(), place, NO_TAGS), place)
            for place, condition in zip(_prefixes(f"{prefix}when"), rule.when, strict=False)
        ],
        "\n  AND ",
    )
    whole = statement("costs", "rule").prefixed(prefix).naming(conditions=conditions.statement)
    return Asked(whole, {f"{prefix}value": rule.value, **conditions.values})


def _compared(operator: Operator, wanted: Sequence[str], found: Asked, prefix: str) -> Asked:
    condition = statement("costs", _OPERATORS[operator]).prefixed(prefix).naming(property=found.statement)
    return Asked(condition, {f"{prefix}wanted": list(wanted), **found.values})


def _joined(parts: Sequence[Asked], separator: str) -> Asked:
    whole = joined("parts", [part.statement for part in parts], separator)
    return Asked(whole, {name: value for part in parts for name, value in part.values.items()})


def _prefixes(name: str) -> Iterator[str]:
    return (f"{name}{number}_" for number in count())
