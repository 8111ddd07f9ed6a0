"""Converts the rows of a Cost and Usage Report to aws_cost_billing, and adds up what they bill."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as _partly_typed

from shared.configuration.tables import get_table
from shared.connectors.arrow_types import NUMERIC, arrow_schema, conform, first_refused, nulls
from shared.connectors.aws.columns import Columns
from shared.connectors.daily_totals import BilledTotals
from shared.connectors.json_texts import objects_of, objects_of_maps
from shared.errors import StepRefused

pc: Any = _partly_typed
TABLE = "aws_cost_billing"
# Lines of these types show the list price of usage that the fees of a plan or reservation pay for; see docs/aws.md.
COVERED = ("SavingsPlanCoveredUsage", "SavingsPlanNegation", "DiscountedUsage")
_NO_NUMBER = "None"  # report generators written in Python write a missing number so
_VALUE_LENGTH = 200


def schema() -> pa.Schema:
    """The Arrow schema of the table."""
    return arrow_schema(get_table("tenant_dataset", TABLE).columns)


def known_columns() -> Collection[str]:
    """The table's columns."""
    return [column.name for column in get_table("tenant_dataset", TABLE).columns]


@dataclass(frozen=True)
class RowShape:
    """The values that every row of one delivery gets besides the file's own columns."""

    columns: Columns
    source: str
    period: date
    manifest: str
    pipeline_logging_id: str
    read_at: datetime

    def shaped(self, batch: pa.RecordBatch, file: str) -> pa.RecordBatch:
        """The batch with the table's columns. A value that does not fit raises StepRefused, which names it."""
        length, wanted = batch.num_rows, schema()
        given: dict[str, Any] = dict(zip(batch.schema.names, map(_plain, batch.columns), strict=True))
        arrays = {column: given[name] for name, column in self.columns.own.items()}
        for owner, members in self.columns.members.items():
            arrays[owner] = objects_of({key: given[name] for name, key in members.items()}, length)
        arrays["x_other_columns"] = objects_of({name: given[name] for name in self.columns.others}, length)
        arrays |= self._own_columns(length)
        found = {
            field.name: _conformed(arrays[field.name], field, file)
            if field.name in arrays
            else nulls(length, field.type)
            for field in wanted
        }
        found["x_usage_date"] = pc.cast(found["line_item_usage_start_date"], pa.date32())
        return pa.RecordBatch.from_arrays([found[field.name] for field in wanted], schema=wanted)

    def _own_columns(self, length: int) -> dict[str, Any]:
        moment = pa.scalar(self.read_at, pa.timestamp("us", tz="UTC"))
        return {
            "x_billing_period": pa.repeat(pa.scalar(self.period, pa.date32()), length),
            "x_manifest": pa.repeat(self.manifest, length),
            "x_source": pa.repeat(self.source, length),
            "x_pipeline_logging_id": pa.repeat(self.pipeline_logging_id, length),
            "x_ingested_at": pa.repeat(moment, length),
        }


def count_billed(batch: pa.RecordBatch, totals: BilledTotals) -> None:
    """Add what the rows bill to the totals of their billing periods, as the template's `billed_by_period` does."""
    cost = pc.coalesce(batch["line_item_net_unblended_cost"], batch["line_item_unblended_cost"])
    is_covered = pc.is_in(batch["line_item_line_item_type"], value_set=pa.array(COVERED))
    billed = pc.if_else(is_covered, pa.scalar(0, NUMERIC), cost)
    totals.sum(batch["x_billing_period"], batch["line_item_currency_code"], billed, counts_rows=True)


def _plain(array: Any) -> Any:
    """A column as text or numbers: a map becomes JSON, and an empty text becomes NULL."""
    if pa.types.is_map(array.type):
        return objects_of_maps(array)
    if pa.types.is_dictionary(array.type):
        array = pc.cast(array, array.type.value_type)
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        return pc.if_else(pc.equal(array, ""), None, pc.cast(array, pa.string()))
    return array


def _conformed(array: Any, field: Any, file: str) -> Any:
    if pa.types.is_string(array.type) and not pa.types.is_string(field.type):
        array = pc.if_else(pc.equal(array, _NO_NUMBER), None, array)
    try:
        return conform(array, field.type, field.name)
    except StepRefused as error:
        value = array[first_refused(array, field.type)].as_py()
        raise StepRefused(f"{file}: {error.message}; a row has {str(value)[:_VALUE_LENGTH]}") from error
