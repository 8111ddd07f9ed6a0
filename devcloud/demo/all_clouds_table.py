"""Prints the costs of several clouds in one table by service category and day. Bars show each cloud's share."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from rich.table import Table

_CENT = Decimal("0.01")
_BAR_CELLS = 18
_FILLS = "█▓░▒"


@dataclass(frozen=True)
class DayCost:
    """The cost that a cloud billed for a service category on a day."""

    cloud: str
    category: str
    day: date
    billed: Decimal


def all_clouds_table(costs: Sequence[DayCost], days: Sequence[date], currency: str) -> Table:
    """Categories, then clouds, the most expensive first. The fill of a bar shows the cloud."""
    clouds = _ranked((cost.cloud, cost.billed) for cost in costs)
    categories = _ranked((cost.category, cost.billed) for cost in costs)
    fills = dict(zip(clouds, _FILLS, strict=False))
    largest = max((*clouds.values(), *categories.values()), default=Decimal(1)) or Decimal(1)
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("all clouds", style="cyan", no_wrap=True, width=25)
    for day in days:
        table.add_column(f"{day:%d %b}", justify="right", no_wrap=True)
    table.add_column(currency, justify="right", style="bold", no_wrap=True)
    table.add_column("", no_wrap=True, width=_BAR_CELLS)
    for category in categories:
        mine = [cost for cost in costs if cost.category == category]
        table.add_row(category, *_numbers(mine, days), _bar(mine, fills, largest))
    for cloud, fill in fills.items():
        mine = [cost for cost in costs if cost.cloud == cloud]
        table.add_row(f"{fill} {cloud}", *_numbers(mine, days), _bar(mine, fills, largest))
    table.add_row("all clouds", *_numbers(costs, days), "", style="bold")
    return table


def until_line(cloud: str, data_until: date, final_until: date | None) -> str:
    """The last day that has costs of a cloud, and the last day whose costs are final; None if no month is final."""
    final = f"final until {final_until:%d %b %Y}" if final_until else "no month of it is final"
    return f"   {cloud:<13} data until {data_until:%d %b %Y}, {final}"


def _numbers(costs: Sequence[DayCost], days: Sequence[date]) -> list[str]:
    by_day: dict[date, Decimal] = defaultdict(Decimal)
    for cost in costs:
        by_day[cost.day] += cost.billed
    total = sum(by_day.values(), Decimal(0))
    return [_money(by_day[day]) if day in by_day else "" for day in days] + [_money(total)]


def _bar(costs: Sequence[DayCost], fills: Mapping[str, str], largest: Decimal) -> str:
    """A bar as long as the cost, with a fill for each cloud. A cloud whose credits exceed its costs has no part."""
    bar, reached = "", Decimal(0)
    by_cloud = {cloud: sum((cost.billed for cost in costs if cost.cloud == cloud), Decimal(0)) for cloud in fills}
    for cloud, billed in by_cloud.items():
        reached += max(billed, Decimal(0))
        bar += fills[cloud] * (round(reached / largest * _BAR_CELLS) - len(bar))
    return bar


def _ranked(billed: Iterable[tuple[str, Decimal]]) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for name, amount in billed:
        sums[name] += amount
    return dict(sorted(sums.items(), key=lambda item: (-item[1], item[0])))


def _money(value: Decimal) -> str:
    return f"{value.quantize(_CENT):,}"
