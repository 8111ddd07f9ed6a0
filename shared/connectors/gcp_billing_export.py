"""Reads Google Cloud's billing export: whole UTC usage days, frozen at one moment, shaped as gcp_cost_billing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as _partly_typed

from shared.adapters.tenant_export import ExportTable, TenantExport
from shared.connectors.arrow_types import arrow_schema, conform, nulls
from shared.errors import SourceNotFound
from shared.tables import get_table

pc: Any = _partly_typed
TABLE = "gcp_cost_billing"
_NEEDED = ("usage_start_time", "export_time", "cost", "currency")
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Selection:
    """What a run loads: whole days, and for an incremental run the export time up to which it has then seen all."""

    dates: Sequence[date]
    watermark: datetime | None = None


@dataclass(frozen=True)
class GcpBillingExport:
    """One export table, read as it was at `snapshot_at`."""

    export: TenantExport
    table: ExportTable
    source: str
    pipeline_logging_id: str
    snapshot_at: datetime

    def check_columns(self) -> None:
        """SourceNotFound when the table is no billing export."""
        if missing := [name for name in _NEEDED if name not in self.table.columns]:
            raise SourceNotFound(f"{self.export.table} is no billing export: it has no column {missing[0]}")

    def select(self, *, start: date | None, end: date | None, watermark: datetime | None) -> Selection:
        """The days of a range, ends included; without one, the days with rows exported after the watermark."""
        if start is not None and end is not None:
            return Selection([start + n * _DAY for n in range((end - start).days + 1)])
        found: set[date] = set()
        for batch in self.export.batches(
            ["usage_start_time", "export_time"], where=self._new_rows(watermark), snapshot_at=self.snapshot_at
        ):
            found.update(pc.unique(pc.cast(batch["usage_start_time"], pa.date32())).to_pylist())
            latest = pc.max(batch["export_time"]).as_py()
            watermark = max(filter(None, (watermark, latest)), default=None)
        return Selection(sorted(found - {None}), watermark)

    def batches(self, dates: Sequence[date]) -> Iterator[pa.RecordBatch]:
        """All rows of these days with the table's own columns; nothing is read when there are no days."""
        if not dates:
            return
        columns = [name for name in self.schema().names if name in self.table.columns]
        for batch in self.export.batches(columns, where=self._rows_of(dates), snapshot_at=self.snapshot_at):
            yield self._shaped(batch)

    @staticmethod
    def schema() -> pa.Schema:
        """The Arrow schema of what `batches` yields."""
        return arrow_schema(get_table("tenant_dataset", TABLE).columns)

    def _shaped(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        given: dict[str, Any] = dict(zip(batch.schema.names, batch.columns, strict=True))
        length = batch.num_rows
        given["x_source"] = pa.repeat(self.source, length)
        given["x_usage_date"] = pc.cast(given["usage_start_time"], pa.date32())
        given["x_pipeline_logging_id"] = pa.repeat(self.pipeline_logging_id, length)
        given["x_ingested_at"] = pa.repeat(pa.scalar(self.snapshot_at, pa.timestamp("us", tz="UTC")), length)
        schema = self.schema()
        arrays = [
            conform(given[field.name], field.type, field.name) if field.name in given else nulls(length, field.type)
            for field in schema
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=schema)

    def _rows_of(self, dates: Sequence[date]) -> str:
        spans = [
            f"(usage_start_time >= {_midnight(first)} AND usage_start_time < {_midnight(last + _DAY)})"
            for first, last in _spans(dates)
        ]
        return self._pruned(" OR ".join(spans), since=min(dates))

    def _new_rows(self, watermark: datetime | None) -> str:
        if watermark is None:
            return ""
        return self._pruned(f'export_time > TIMESTAMP "{watermark.isoformat()}"', since=watermark.date())

    def _pruned(self, condition: str, *, since: date) -> str:
        # Rows arrive after they are used and exported; a NULL partition is the streaming buffer.
        if not self.table.has_partition_time:
            return condition
        earliest = _midnight(min(since, self.snapshot_at.date()) - _DAY)
        return f"({condition}) AND (_PARTITIONTIME >= {earliest} OR _PARTITIONTIME IS NULL)"


def _midnight(day: date) -> str:
    return f'TIMESTAMP "{datetime(day.year, day.month, day.day, tzinfo=UTC).isoformat()}"'


def _spans(dates: Sequence[date]) -> list[tuple[date, date]]:
    spans: list[tuple[date, date]] = []
    for day in sorted(dates):
        if spans and day == spans[-1][1] + _DAY:
            spans[-1] = (spans[-1][0], day)
        else:
            spans.append((day, day))
    return spans
