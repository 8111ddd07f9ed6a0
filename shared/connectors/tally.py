"""Counts rows and billed cost by usage day and currency while batches stream by: what staging is reconciled with."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Context, Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as _partly_typed

pc: Any = _partly_typed
_EXACT = Context(prec=76)
_KEYS = ["day", "currency"]


class Tally:
    """Running totals of batches shaped as gcp_cost_billing; `seen_until` is the latest export time among them."""

    def __init__(self) -> None:
        self.rows = 0
        self.seen_until: datetime | None = None
        self._days: dict[tuple[date, str | None], tuple[int, Decimal]] = {}

    def add(self, batch: pa.RecordBatch) -> None:
        """Count one batch, in Arrow."""
        self.rows += batch.num_rows
        latest = pc.max(batch["export_time"]).as_py()
        self.seen_until = max(filter(None, (self.seen_until, latest)), default=None)
        credits_ = batch["credits"]
        parents = pc.list_parent_indices(credits_)
        amounts = pc.struct_field(pc.list_flatten(credits_), ["amount"])
        days, currencies = batch["x_usage_date"], batch["currency"]
        self._sum(days, currencies, batch["cost"], counts_rows=True)
        self._sum(days.take(parents), currencies.take(parents), amounts, counts_rows=False)

    def _sum(self, days: Any, currencies: Any, amounts: Any, *, counts_rows: bool) -> None:
        table = pa.table({"day": days, "currency": currencies, "amount": amounts})
        aggregates: Any = [("amount", "sum"), ([], "count_all")]
        for group in table.group_by(_KEYS).aggregate(aggregates).to_pylist():
            key = (group["day"], group["currency"])
            rows, billed = self._days.get(key, (0, Decimal(0)))
            added = _EXACT.add(billed, group["amount_sum"] or Decimal(0))
            self._days[key] = (rows + group["count_all"] * counts_rows, added)

    @property
    def dates(self) -> list[date]:
        """The days that rows fell on."""
        return sorted({day for day, _ in self._days})

    def by_day(self) -> list[Mapping[str, Any]]:
        """One entry for each day and currency, with exact decimal texts."""
        return [
            {
                "usage_date": day.isoformat(),
                "billing_currency": currency,
                "row_count": rows,
                "billed_cost": f"{billed:f}",
            }
            for (day, currency), (rows, billed) in sorted(self._days.items(), key=lambda item: str(item[0]))
        ]
