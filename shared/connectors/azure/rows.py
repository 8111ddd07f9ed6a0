"""Shapes the rows of a cost export as azure_cost_billing, and adds up what they bill."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as _partly_typed

from shared.configuration.tables import get_table
from shared.connectors.arrow_types import NUMERIC, arrow_schema, conform, first_refused, nulls
from shared.connectors.azure.columns import Columns
from shared.connectors.daily_totals import BilledTotals
from shared.connectors.json_texts import objects_of
from shared.errors import StepRefused

pc: Any = _partly_typed
TABLE = "azure_cost_billing"
# What a commitment covers or leaves unused is billed by its purchase. See docs/azure.md.
COMMITTED = ("Reservation", "SavingsPlan", "Savings Plan")
UNUSED = ("UnusedReservation", "UnusedSavingsPlan")
PURCHASES = ("Purchase", "Refund")
_AMERICAN = r"^\d{2}/\d{2}/\d{4}$"
_MIDNIGHT = r"T00:00:00(\.0+)?Z?$"
_VALUE_LENGTH = 200


def schema() -> pa.Schema:
    """The Arrow schema of the table."""
    return arrow_schema(get_table("tenant_dataset", TABLE).columns)


def known_columns() -> Collection[str]:
    """The table's columns."""
    return [column.name for column in get_table("tenant_dataset", TABLE).columns]


@dataclass(frozen=True)
class RowShape:
    """What every row of one delivery has beside the file's own columns."""

    columns: Columns
    source: str
    period: date
    manifest: str
    pipeline_logging_id: str
    read_at: datetime

    def shaped(self, batch: pa.RecordBatch, file: str) -> pa.RecordBatch:
        """The batch with the table's columns; StepRefused naming column, value and file when one does not fit."""
        length, wanted = batch.num_rows, schema()
        given: dict[str, Any] = dict(zip(batch.schema.names, map(_plain, batch.columns), strict=True))
        arrays = {column: given[name] for name, column in self.columns.own.items()}
        arrays["x_other_columns"] = objects_of({name: given[name] for name in self.columns.others}, length)
        arrays |= self._own_columns(length)
        found = {
            field.name: _conformed(arrays[field.name], field, file)
            if field.name in arrays
            else nulls(length, field.type)
            for field in wanted
        }
        found["x_usage_date"] = found["Date"]
        return pa.RecordBatch.from_arrays([found[field.name] for field in wanted], schema=wanted)

    def _own_columns(self, length: int) -> dict[str, Any]:
        moment = pa.scalar(self.read_at, pa.timestamp("us", tz="UTC"))
        texts = {
            "x_export_kind": "ACTUAL",
            "x_agreement_type": self.columns.agreement,
            "x_manifest": self.manifest,
            "x_source": self.source,
            "x_pipeline_logging_id": self.pipeline_logging_id,
        }
        return {name: pa.repeat(text, length) for name, text in texts.items()} | {
            "x_billing_period": pa.repeat(pa.scalar(self.period, pa.date32()), length),
            "x_ingested_at": pa.repeat(moment, length),
        }


def count_billed(batch: pa.RecordBatch, totals: BilledTotals) -> None:
    """Add what shaped rows bill to the totals of their billing periods, as `billed_by_period` of the template does."""
    kind = batch["ChargeType"]
    is_committed = pc.or_(_is_in(batch["PricingModel"], COMMITTED), _is_in(kind, UNUSED))
    is_covered = pc.and_(is_committed, pc.invert(_is_in(kind, PURCHASES)))
    billed = pc.if_else(is_covered, pa.scalar(0, NUMERIC), batch["CostInBillingCurrency"])
    totals.sum(batch["x_billing_period"], batch["BillingCurrency"], billed, counts_rows=True)


def _is_in(array: Any, values: tuple[str, ...]) -> Any:
    return pc.is_in(array, value_set=pa.array(values))


def _plain(array: Any) -> Any:
    """A column as text or numbers, and what is empty as NULL."""
    if pa.types.is_dictionary(array.type):
        array = pc.cast(array, array.type.value_type)
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        return pc.if_else(pc.equal(array, ""), None, pc.cast(array, pa.string()))
    return array


def _conformed(given: Any, field: Any, file: str) -> Any:
    is_written_day = pa.types.is_date(field.type) and pa.types.is_string(given.type)
    array = _iso_days(given) if is_written_day else given
    try:
        return conform(array, field.type, field.name)
    except StepRefused as error:
        value = given[first_refused(array, field.type)].as_py()
        raise StepRefused(f"{file}: {error.message}; a row has {str(value)[:_VALUE_LENGTH]}") from error


def _iso_days(texts: Any) -> Any:
    """Days as Azure writes them, 09/30/2026 or 2026-09-30T00:00:00Z, as 2026-09-30; anything else stays as it is."""
    texts = pc.replace_substring_regex(texts, pattern=_MIDNIGHT, replacement="")
    swapped = pc.binary_join_element_wise(
        pc.utf8_slice_codeunits(texts, 6, 10), pc.utf8_slice_codeunits(texts, 0, 2),
        pc.utf8_slice_codeunits(texts, 3, 5), "-",
    )  # fmt: skip
    return pc.if_else(pc.match_substring_regex(texts, pattern=_AMERICAN), swapped, texts)
