"""Validates requests about costs, and builds the answer from the sums.

A sum has one billing currency. Costs are FOCUS columns of focus_cost: https://focus.finops.org/focus-specification/
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal
from functools import reduce
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from shared.domain.cost_properties import (
    GROUPS,
    MAX_FILTER_CHARACTERS,
    Filters,
    Property,
    read_filters,
    read_property,
)
from shared.domain.requests.parsing import AS_DAY, AS_MOMENT, IN_DIGITS, wrong
from shared.errors import InvalidInput

Granularity = Literal["day", "month", "total"]
Metric = Literal["billed", "effective", "contracted", "list"]
METRICS: Mapping[str, str] = {
    "billed": "BilledCost",
    "effective": "EffectiveCost",
    "contracted": "ContractedCost",
    "list": "ListCost",
}
RESTATED = (
    "restated_at", "usage_date", "billing_currency", "billed_cost_change", "billed_cost_before", "billed_cost_after",
    "rows_before", "rows_after", "source", "pipeline_logging_id",
)  # fmt: skip
MAX_DAYS: Mapping[str, int] = {"day": 100, "month": 1200, "total": 1200}
MAX_SUMS = 20_100  # in one answer: 100 days, each with 200 groups and the rest
# Periods before a date and days after it are computed, so neither end may be near the calendar's.
EARLIEST, LATEST = date(2000, 1, 1), date(2999, 12, 31)
Moment = Annotated[
    AwareDatetime,
    Field(ge=datetime(2000, 1, 1, tzinfo=UTC), le=datetime(2999, 12, 31, tzinfo=UTC)),
    AS_MOMENT,
]  # in UTC too
EXACT = Context(prec=100)  # more digits than sums of NUMERIC have; the default of 28 would round them
Day = TypeVar("Day", date, str)  # as a date, or as ISO 8601 writes it


def _check_currency(value: str) -> str:
    if not re.fullmatch(r"[A-Z]{3}", value):
        raise ValueError("must be three capital letters, such as EUR")
    return value


Currency = Annotated[str, Field(min_length=3, max_length=3), AfterValidator(_check_currency)]


def _check_group(value: str) -> str:
    read_property(value)
    return value


def check_filter(value: str) -> str:
    """The text of a filter with one condition, `service:BigQuery`. It raises ValueError for any other text."""
    name, _, wanted = value.partition(":")
    if name not in GROUPS or not 1 <= len(wanted) <= 512:
        raise ValueError(f"must be one of {', '.join(GROUPS)}, a colon and a value, such as service:BigQuery")
    return value


def filtered(text: str | None) -> tuple[str, str] | None:
    """The column of focus_cost and the value that a filter with one condition names, if there is a filter."""
    name, _, value = (text or "").partition(":")
    return (GROUPS[name], value) if value else None


def _check_filters(value: str) -> str:
    read_filters(value)
    return value


def final_until(data_through: Day | None, final_through: Day | None) -> Day | None:
    """The last day that is final and not after the data, because a final invoice covers its whole month; or None."""
    return min(data_through, final_through) if data_through and final_through else final_through


def check_size(found: Mapping[str, Sequence[Any]]) -> None:
    """Raise InvalidInput if there are more sums or restated days than one answer may have."""
    for name, field, less in (
        ("sums", "top", "fewer groups, fewer days, or a filter"),
        ("restated", "restated_since", "a later moment or fewer days"),
    ):
        if len(found[name]) > MAX_SUMS:
            raise InvalidInput.of_field(field, f"makes an answer of more than {MAX_SUMS} sums; ask for {less}")


class CostRequest(BaseModel):
    """The query string of a request for costs. Both days are included."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    first_date: Annotated[date, Field(alias="from", ge=EARLIEST, le=LATEST), AS_DAY]
    last_date: Annotated[date, Field(alias="to", ge=EARLIEST, le=LATEST), AS_DAY]
    granularity: Granularity = "day"
    group_by: Annotated[str, AfterValidator(_check_group)] = "service"
    metric: Metric = "billed"
    filter: Annotated[str, Field(max_length=MAX_FILTER_CHARACTERS), AfterValidator(_check_filters)] | None = None
    compare: Literal["previous_period"] | None = None
    currency: Currency | None = None
    top: Annotated[int, Field(ge=1, le=200), IN_DIGITS] = 50
    restated_since: Moment | None = None

    @model_validator(mode="after")
    def _check_days(self) -> CostRequest:
        if self.last_date < self.first_date:
            raise wrong("to", "must not be before `from`")
        if self.days > MAX_DAYS[self.granularity]:
            most = MAX_DAYS[self.granularity]
            raise wrong(
                "to", f"with granularity {self.granularity} a request may cover {most} days at most; move `from`"
            )
        return self

    @property
    def days(self) -> int:
        """The number of requested days."""
        return (self.last_date - self.first_date).days + 1

    @property
    def previous_from(self) -> date | None:
        """The first day of the preceding period of the same length, if the caller compares with it."""
        return self.first_date - timedelta(days=self.days) if self.compare else None

    @property
    def group(self) -> Property:
        """The property by which the costs are grouped."""
        return read_property(self.group_by)

    @property
    def filters(self) -> Filters:
        """The values of each property that the charges may have; empty without a filter."""
        return read_filters(self.filter) if self.filter else {}

    @property
    def virtual_tags(self) -> list[str]:
        """The names of the virtual tags that the request needs."""
        return sorted({item.name for item in (self.group, *self.filters) if item.kind == "virtual"})


class RestatementsRequest(BaseModel):
    """The query string of a request for restatements. Both days are included."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    since: Moment | None = None
    first_date: Annotated[date | None, Field(alias="from"), AS_DAY] = None
    last_date: Annotated[date | None, Field(alias="to"), AS_DAY] = None
    limit: Annotated[int, Field(ge=1, le=1000), IN_DIGITS] = 200
    page_token: Annotated[str, Field(max_length=2048)] | None = None

    @model_validator(mode="after")
    def _check_days(self) -> RestatementsRequest:
        if self.first_date and self.last_date and self.last_date < self.first_date:
            raise wrong("to", "must not be before `from`")
        return self


def cost_blocks(sums: Iterable[Mapping[str, Any]], *, compares: bool) -> list[dict[str, Any]]:
    """One block for each billing currency. It has the groups by rank, and the periods of each group in order.

    `sums` has one row for each group and period, with billing_currency, group_rank, group_name, is_rest, period, cost
    and previous_cost. A row without a period has only a previous cost. Amounts are decimals and stay exact.
    """
    blocks: dict[str, dict[int, dict[str, Any]]] = {}
    for row in sorted(sums, key=lambda row: (row["billing_currency"], row["group_rank"], row["period"] or date.min)):
        groups = blocks.setdefault(row["billing_currency"], {})
        new = {"name": row["group_name"], "is_rest": row["is_rest"], "cost": Decimal(0), "periods": []}
        group = groups.setdefault(row["group_rank"], new | ({"previous_cost": Decimal(0)} if compares else {}))
        if row["cost"] is not None:
            group["cost"] = EXACT.add(group["cost"], row["cost"])
            group["periods"].append({"period": row["period"], "cost": row["cost"]})
        if compares:
            group["previous_cost"] = EXACT.add(group["previous_cost"], row["previous_cost"] or Decimal(0))
    return [_block(currency, list(groups.values()), compares=compares) for currency, groups in blocks.items()]


def cost_table(blocks: Iterable[Mapping[str, Any]], *, group_by: str) -> tuple[list[str], list[list[Any]]]:
    """The columns and the rows of a CSV file: one row for each currency, group and period of the blocks."""
    rows = [
        [block["billing_currency"], group["name"], group["is_rest"], period["period"], period["cost"]]
        for block in blocks
        for group in block["groups"]
        for period in group["periods"]
    ]
    return ["billing_currency", group_by, "is_rest", "period", "cost"], rows


def restatement_table(restated: Iterable[Mapping[str, Any]]) -> tuple[list[str], list[list[Any]]]:
    """The columns and the rows of a CSV file: one row for each restated day, run and currency."""
    return list(RESTATED), [[row[name] for name in RESTATED] for row in restated]


def _block(currency: str, groups: list[dict[str, Any]], *, compares: bool) -> dict[str, Any]:
    names = ["cost", "previous_cost"] if compares else ["cost"]
    totals = {name: reduce(EXACT.add, (group[name] for group in groups)) for name in names}
    return {"billing_currency": currency, **totals, "groups": groups}
