"""Reads Google Cloud's billing export: whole UTC usage days at one snapshot, with the columns of gcp_cost_billing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as _partly_typed

from shared.adapters.google.tenant_export import ExportTable, TenantExport
from shared.configuration.tables import get_table
from shared.connectors.arrow_types import NUMERIC, arrow_schema, conform, first_refused, nulls
from shared.connectors.batching import coalesced
from shared.connectors.daily_totals import DayFigures, figures_by_day
from shared.connectors.gcp import restrictions as rows
from shared.connectors.known_names import with_known_names
from shared.connectors.other_columns import other_columns
from shared.domain.credentials.billing_exports import (
    OTHER_COLUMNS,
    export_problem,
    missing_columns,
    spelled,
    unknown_columns,
)
from shared.domain.templates.templates import EARLIEST_DAY, LATEST_DAY
from shared.errors import SourceNotFound, StepRefused

pc: Any = _partly_typed
TABLE = "gcp_cost_billing"
_VALUE_LENGTH = 200
_CREDITS = pa.list_(pa.struct([("amount", NUMERIC)]))


@dataclass(frozen=True)
class ExportedDays:
    """Usage days of an export, and the latest export time among their rows."""

    days: Sequence[date]
    latest: datetime | None


@dataclass(frozen=True)
class Selection:
    """The days that a run loads.

    `watermark`: for a run without dates, the export time up to which it has seen all rows. `unchanged`: how many days
    equal the published ones. `left`: how many newer days are beyond the limit of one run.
    """

    dates: Sequence[date]
    watermark: datetime | None = None
    unchanged: int = 0
    left: int = 0

    def first(self, most: int) -> Selection:
        """The oldest days, at most `most`. The watermark moves only when a later run has loaded the rest."""
        left = len(self.dates) - most
        return self if left <= 0 else Selection(self.dates[:most], None, self.unchanged, left)


@dataclass(frozen=True)
class GcpBillingExport:
    """Reads one export table as it was at `snapshot_at`."""

    export: TenantExport
    table: ExportTable
    source: str
    pipeline_logging_id: str
    snapshot_at: datetime

    def check_table(self) -> None:
        """Raise SourceNotFound unless the table is a billing export."""
        if problem := export_problem(self.table.kind, self.table.columns, known_columns()):
            raise SourceNotFound(f"{self.export.table} {problem}")

    def unknown_columns(self) -> list[str]:
        """The export's columns and fields that gcp_cost_billing does not have."""
        return unknown_columns(self.table.columns, known_columns())

    def missing_columns(self) -> list[str]:
        """The columns and fields that this export lacks, although every export should have them."""
        return missing_columns(self.table.columns, known_columns())

    def find_days(self, *, since: datetime | None) -> ExportedDays:
        """The usage days of the rows that were exported or arrived since a moment, or of all rows if there is none."""
        days: set[date] = set()
        latest: datetime | None = None
        for where in self._since(since):
            for batch in self._batches(["usage_start_time", "export_time"], where):
                days.update(pc.unique(_usage_days(batch)).to_pylist())
                latest = max(filter(None, (latest, pc.max(batch["export_time"]).as_py())), default=None)
        return ExportedDays(sorted(day for day in days - {None} if EARLIEST_DAY <= day <= LATEST_DAY), latest)

    def select_changed(
        self, exported: ExportedDays, published: Mapping[date, DayFigures], *, watermark: datetime | None
    ) -> Selection:
        """The days whose published rows differ from the export's. See docs/adr/0010."""
        days = exported.days
        changed = changed_days(days, self._figures(days), published) if published else list(days)
        seen = max(filter(None, (watermark, exported.latest)), default=None)
        # A row with a future export time would hide all rows that are exported before that time.
        return Selection(changed, min(seen, self.snapshot_at) if seen else None, len(days) - len(changed))

    def count_without_day(self) -> int:
        """The number of rows that no run can load, because their usage_start_time is missing or out of range."""
        return sum(batch.num_rows for batch in self._batches(["export_time"], rows.without_day()))

    def batches(self, dates: Sequence[date]) -> Iterator[pa.RecordBatch]:
        """All rows of these days; nothing is read when there are no days."""
        columns = [column["name"] for column in self.table.columns]
        for batch in coalesced(self._rows_of(dates, columns)):
            yield self._shaped(batch)

    @staticmethod
    def schema() -> pa.Schema:
        """The Arrow schema of the batches that `batches` yields."""
        return arrow_schema(get_table("tenant_dataset", TABLE).columns)

    @classmethod
    def exported_schema(cls) -> pa.Schema:
        """The part of the schema that comes from the export."""
        return pa.schema([field for field in cls.schema() if not field.name.startswith("x_")])

    def _shaped(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        given: dict[str, Any] = dict(zip(batch.schema.names, batch.columns, strict=True))
        length, schema = batch.num_rows, self.schema()
        own = {field.name: field.type for field in self.exported_schema()}
        given[OTHER_COLUMNS] = other_columns(given, own, length)
        given["x_source"] = pa.repeat(self.source, length)
        given["x_usage_date"] = _usage_days(batch)
        given["x_pipeline_logging_id"] = pa.repeat(self.pipeline_logging_id, length)
        given["x_ingested_at"] = pa.repeat(pa.scalar(self.snapshot_at, pa.timestamp("us", tz="UTC")), length)
        arrays = [
            _conformed(batch, given[field.name], field) if field.name in given else nulls(length, field.type)
            for field in schema
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=schema)

    def _since(self, since: datetime | None) -> list[str]:
        if since is None:
            return [""]
        exported = rows.exported_since(since)
        if self.table.arrival_partition is None:
            return [exported]
        first = self._first_partition(since.date())
        return [rows.arrived_since(first), rows.both(exported, rows.arrived_before(first))]

    def _figures(self, dates: Sequence[date]) -> Mapping[date, DayFigures]:
        columns = ["usage_start_time", "cost", "credits", "export_time"]
        return figures_by_day(_compared(batch) for batch in self._rows_of(dates, columns))

    def _rows_of(self, dates: Sequence[date], columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """The rows of these days: from the partitions where they are expected, and from older ones if they have any.

        Looking there reads one narrow column of the older partitions. So a row is found in whatever partition it is.
        """
        if not dates:
            return
        wanted = rows.used_on(dates)
        if self.table.arrival_partition is None:
            yield from self._batches(columns, wanted)
            return
        first = self._first_partition(min(dates))
        yield from self._batches(columns, rows.both(wanted, rows.arrived_since(first)))
        misplaced = rows.both(wanted, rows.arrived_before(first))
        if any(batch.num_rows for batch in self._batches(["usage_start_time"], misplaced)):
            yield from self._batches(columns, misplaced)

    def _first_partition(self, day: date) -> date:
        """The first partition that may have rows of a day. It is a day earlier, because clocks and timezones differ."""
        earliest = min(day, self.snapshot_at.date()) - rows.DAY
        return rows.partition_of(earliest, self.table.arrival_partition or "DAY")

    def _batches(self, columns: Sequence[str], where: str) -> Iterator[pa.RecordBatch]:
        if self.table.demanded_filter:
            where = rows.both(where, rows.in_any_partition(*self.table.demanded_filter))
        known, names = self.exported_schema(), spelled(columns, self.table.columns)
        for batch in self.export.batches(names, where=where, snapshot_at=self.snapshot_at):
            yield with_known_names(batch, known)


def known_columns() -> list[dict[str, Any]]:
    """The columns into which an export's rows are loaded."""
    return [column.to_api() for column in get_table("tenant_dataset", TABLE).columns]


def changed_days(
    days: Sequence[date], found: Mapping[date, DayFigures], published: Mapping[date, DayFigures]
) -> list[date]:
    """The days whose export rows differ from the published ones in number, cost, credits or time."""
    return [day for day in days if found.get(day) != published.get(day)]


def _conformed(batch: pa.RecordBatch, array: Any, field: Any) -> Any:
    """Convert a column to the table's type. A value that does not fit raises StepRefused with the value and its row."""
    try:
        return conform(array, field.type, field.name)
    except StepRefused as error:
        place = first_refused(array, field.type)
        value, row = array[place].as_py(), batch.slice(place, 1).to_pylist()[0]
        raise StepRefused(
            f"{error.message}; {_row_in_words(row)} has {str(value)[:_VALUE_LENGTH] or 'an empty text'}"
        ) from error


def _row_in_words(row: Mapping[str, Any]) -> str:
    """Describe a row of the export by time, SKU, project and resource, because rows have no key."""
    facts = {
        "of": row.get("usage_start_time"),
        "SKU": (row.get("sku") or {}).get("id"),
        "project": (row.get("project") or {}).get("id"),
        "resource": (row.get("resource") or {}).get("name"),
    }
    named = [f"{name} {fact}" for name, fact in facts.items() if fact]
    return f"the row {', '.join(named)}" if named else "a row"


def _compared(batch: pa.RecordBatch) -> tuple[Any, Any, Any, Any]:
    """The days, costs, credits and export times of a batch, which are compared with the published ones."""
    costs, credits_ = conform(batch["cost"], NUMERIC, "cost"), conform(batch["credits"], _CREDITS, "credits")
    return _usage_days(batch), costs, credits_, batch["export_time"]


def _usage_days(batch: pa.RecordBatch) -> Any:
    return pc.cast(batch["usage_start_time"], pa.date32())
