"""Converts the rows of a Cost and Usage Report to aws_cost_billing, and adds up what they bill."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute as _partly_typed

from shared.connectors.arrow_types import NUMERIC
from shared.connectors.aws.columns import Columns
from shared.connectors.daily_totals import BilledTotals
from shared.connectors.json_texts import objects_of, objects_of_maps
from shared.connectors.objects.rows import RowShape

pc: Any = _partly_typed
TABLE = "aws_cost_billing"
# Lines of these types show the list price of usage that the fees of a plan or reservation pay for; see docs/aws.md.
COVERED = ("SavingsPlanCoveredUsage", "SavingsPlanNegation", "DiscountedUsage")
_NO_NUMBER = "None"  # report generators written in Python write a missing number so


@dataclass(frozen=True)
class AwsRows(RowShape):
    """Rows of AWS's reports. Columns of one category may become members of one object."""

    table: ClassVar[str] = TABLE

    columns: Columns

    def plain(self, array: Any) -> Any:
        """The rows of the table. A column that is a map becomes JSON."""
        return objects_of_maps(array) if pa.types.is_map(array.type) else super().plain(array)

    def readable(self, array: Any, field: Any) -> Any:
        """A missing number or time as NULL."""
        if pa.types.is_string(array.type) and not pa.types.is_string(field.type):
            return pc.if_else(pc.equal(array, _NO_NUMBER), None, array)
        return array

    def provider_columns(self, given: Mapping[str, Any], length: int) -> dict[str, Any]:
        """The objects that several columns of the file are members of."""
        return {
            owner: objects_of({key: given[name] for name, key in members.items()}, length)
            for owner, members in self.columns.members.items()
        }

    def usage_date(self, found: Mapping[str, Any]) -> Any:
        """The UTC day on which the usage started."""
        return pc.cast(found["line_item_usage_start_date"], pa.date32())


def count_billed(batch: pa.RecordBatch, totals: BilledTotals) -> None:
    """Add what the rows bill to the totals of their billing periods, as the template's `billed_by_period` does."""
    cost = pc.coalesce(batch["line_item_net_unblended_cost"], batch["line_item_unblended_cost"])
    is_covered = pc.is_in(batch["line_item_line_item_type"], value_set=pa.array(COVERED))
    billed = pc.if_else(is_covered, pa.scalar(0, NUMERIC), cost)
    totals.sum(batch["x_billing_period"], batch["line_item_currency_code"], billed, counts_rows=True)
