"""Adds up rows and cost by usage day while batches stream by. Staging is reconciled with these totals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from decimal import Context, Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as _partly_typed

from shared.errors import CheckFailed, StepRefused

pc: Any = _partly_typed
_EXACT = Context(prec=76)
_WIDE = pa.decimal256(76, 9)
_MOST = Decimal(10) ** 29  # NUMERIC has 29 digits before the point
# The counts are sent in one event and as a parameter of statements; BigQuery accepts up to 10 MB of them.
_MAX_SUMS, _LONGEST_CURRENCY = 20_000, 64

DayFigures = tuple[int, Decimal, Decimal, datetime | None]  # the number of rows, cost, credits and latest export time


class BilledTotals:
    """Running totals of rows and billed cost by day and currency; a billing period is named by its first day."""

    def __init__(self) -> None:
        self.rows = 0
        self._days: dict[tuple[date, str | None], tuple[int, Decimal]] = {}

    def sum(self, days: Any, currencies: Any, amounts: Any, *, counts_rows: bool) -> None:
        """Add amounts, and with `counts_rows` their rows. Without it the amounts are parts of rows counted before.

        It raises StepRefused for a currency that is too long, and for too many sums.
        """
        self.rows += len(days) * counts_rows
        for (day, currency), found, amount in _sums({"day": days, "currency": currencies}, amounts):
            rows, billed = self._days.get((day, currency), (0, Decimal(0)))
            self._days[day, currency] = (rows + found * counts_rows, _EXACT.add(billed, amount))
            if len(currency or "") > _LONGEST_CURRENCY:
                raise StepRefused(f"{day} has a currency of {len(currency)} characters: {currency[:20]}...")
        if len(self._days) > _MAX_SUMS:
            raise StepRefused(f"the rows have more than {_MAX_SUMS} currencies a day, the days added up")

    @property
    def dates(self) -> list[date]:
        """The usage days of the rows."""
        return sorted({day for day, _ in self._days})

    def by_day(self) -> list[tuple[str, str | None, int, str]]:
        """Day, currency, rows and exact billed cost. The form is short, because one event may hold a year of days.

        It raises CheckFailed for a day that bills more than NUMERIC holds, because no statement could add it up.
        """
        for (day, currency), (_, billed) in self._days.items():
            if billed.copy_abs() >= _MOST:
                raise CheckFailed(f"{day} bills {billed:.2E} {currency}, more than NUMERIC holds")
        return [
            (day.isoformat(), currency, rows, f"{billed.normalize(_EXACT):f}")
            for (day, currency), (rows, billed) in sorted(self._days.items(), key=lambda item: str(item[0]))
        ]


class DailyTotals(BilledTotals):
    """Totals of batches with the columns of gcp_cost_billing. `seen_until` is the latest export time in them."""

    def __init__(self) -> None:
        super().__init__()
        self.seen_until: datetime | None = None

    def add(self, batch: pa.RecordBatch) -> None:
        """Count one batch, in Arrow."""
        latest = pc.max(batch["export_time"]).as_py()
        self.seen_until = max(filter(None, (self.seen_until, latest)), default=None)
        parents, amounts = _amounts(batch["credits"])
        days, currencies = batch["x_usage_date"], batch["currency"]
        self.sum(days, currencies, batch["cost"], counts_rows=True)
        self.sum(days.take(parents), currencies.take(parents), amounts, counts_rows=False)


def figures_by_day(parts: Iterable[tuple[Any, Any, Any, Any]]) -> dict[date, DayFigures]:
    """The figures of each day, from batches' days, costs, credits and export times. Rows without a day are ignored."""
    figures: dict[date, DayFigures] = {}
    for days, costs, credits_, exported in parts:
        latest, (parents, amounts) = _latest(days, exported), _amounts(credits_)
        credited = {day: amount for (day,), _, amount in _sums({"day": days.take(parents)}, amounts)}
        for (day,), found, amount in _sums({"day": days}, costs):
            if day is not None:
                rows, cost, credit, before = figures.get(day, (0, Decimal(0), Decimal(0), None))
                figures[day] = (
                    rows + found,
                    _EXACT.add(cost, amount),
                    _EXACT.add(credit, credited.get(day, Decimal(0))),
                    max(filter(None, (before, latest[day])), default=None),
                )
    return figures


def _amounts(credits_: Any) -> tuple[Any, Any]:
    """For each credit the index of its row, and its amount."""
    return pc.list_parent_indices(credits_), pc.struct_field(pc.list_flatten(credits_), ["amount"])


def _latest(days: Any, moments: Any) -> dict[date | None, datetime | None]:
    groups = pa.table({"day": days, "moment": moments}).group_by("day").aggregate([("moment", "max")])
    return {group["day"]: group["moment_max"] for group in groups.to_pylist()}


def _sums(keys: Mapping[str, Any], amounts: Any) -> Iterator[tuple[tuple[Any, ...], int, Decimal]]:
    """Each key with the number of its rows and the sum of its amounts."""
    aggregates: Any = [("amount", "sum"), ([], "count_all")]
    table = pa.table({**keys, "amount": _summable(amounts)})
    for group in table.group_by(list(keys)).aggregate(aggregates).to_pylist():
        yield tuple(group[name] for name in keys), group["count_all"], group["amount_sum"] or Decimal(0)


def _summable(amounts: Any) -> Any:
    """The amounts in a type that can hold any sum of them, because Arrow's decimal sums do not check for overflow."""
    bounds = pc.min_max(amounts).as_py()
    largest = max((bound.copy_abs() for bound in bounds.values() if bound is not None), default=Decimal(0))
    return amounts if largest * len(amounts) < _MOST else pc.cast(amounts, _WIDE)
