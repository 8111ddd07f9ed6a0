"""Converts the rows of a FOCUS file to focus_cost_file, and adds up what they bill."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute as _partly_typed

from shared.connectors.daily_totals import BilledTotals
from shared.connectors.focus.columns import Columns
from shared.connectors.json_texts import objects_of_maps
from shared.connectors.objects.rows import RowShape

pc: Any = _partly_typed
TABLE = "focus_cost_file"
_NULL = "NULL"  # files that a database wrote have this text in place of a missing value
_NO_VALUE = pa.array([_NULL, "null", "None", "N/A", "nan", "NaN"])
# A moment without a zone is one of UTC, as FOCUS requires, and a day is its first moment.
_SPELLINGS = (
    (r"^(\d{4}-\d{2}-\d{2})$", r"\1T00:00:00Z"),
    (r" ?UTC$", "Z"),
    (r"(\.\d{6})\d+", r"\1"),
    (r"^(\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)$", r"\1Z"),
)


@dataclass(frozen=True)
class FocusRows(RowShape):
    """Rows of FOCUS files. `version` is what the delivery names. Without it the columns decide."""

    table: ClassVar[str] = TABLE

    columns: Columns
    version: str | None = None

    def plain(self, array: Any) -> Any:
        """The column as text or numbers. A map becomes JSON, and the text NULL becomes NULL."""
        if pa.types.is_map(array.type):
            return objects_of_maps(array)
        found = super().plain(array)
        return pc.if_else(pc.equal(found, _NULL), None, found) if pa.types.is_string(found.type) else found

    def readable(self, array: Any, field: Any) -> Any:
        """The column with NULL for a missing number or time, and with a zone on every time."""
        if not pa.types.is_string(array.type) or pa.types.is_string(field.type):
            return array
        array = pc.if_else(pc.is_in(array, value_set=_NO_VALUE), None, array)
        if pa.types.is_timestamp(field.type):
            for pattern, written in _SPELLINGS:
                array = pc.replace_substring_regex(array, pattern=pattern, replacement=written)
        return array

    def provider_columns(self, given: Mapping[str, Any], length: int) -> dict[str, Any]:
        """The column with the version of FOCUS."""
        del given
        return {"x_focus_version": pa.repeat(self.version or self.columns.version, length)}

    def usage_date(self, found: Mapping[str, Any]) -> Any:
        """The UTC day on which the charge begins."""
        return pc.cast(found["ChargePeriodStart"], pa.date32())


def count_billed(batch: pa.RecordBatch, totals: BilledTotals) -> None:
    """Add what the rows bill to the totals of their billing periods."""
    totals.sum(batch["x_billing_period"], batch["BillingCurrency"], batch["BilledCost"], counts_rows=True)
