"""Converts the rows of a cost export to azure_cost_billing, and adds up what they bill."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute as _partly_typed

from shared.connectors.arrow_types import NUMERIC
from shared.connectors.azure.columns import Columns
from shared.connectors.daily_totals import BilledTotals
from shared.connectors.objects.rows import RowShape
from shared.errors import StepRefused

pc: Any = _partly_typed
TABLE = "azure_cost_billing"
# The purchase of a commitment bills what it covers and what it leaves unused. See docs/azure.md.
COMMITTED = ("Reservation", "SavingsPlan", "Savings Plan")
UNUSED = ("UnusedReservation", "UnusedSavingsPlan")
PURCHASES = ("Purchase", "Refund")
_MAX_ACCOUNTS, _MAX_ACCOUNT_LENGTH = 50_000, 1_024  # all accounts with amortised costs are in memory
_AMERICAN = r"^\d{2}/\d{2}/\d{4}$"
_MIDNIGHT = r"T00:00:00(\.0+)?Z?$"


@dataclass(frozen=True)
class AzureRows(RowShape):
    """Rows of Azure's exports of actual costs, `ACTUAL`, or of amortised ones, `AMORTIZED`."""

    table: ClassVar[str] = TABLE

    columns: Columns
    export_kind: str = "ACTUAL"

    def readable(self, array: Any, field: Any) -> Any:
        """Days in ISO 8601."""
        is_written_day = pa.types.is_date(field.type) and pa.types.is_string(array.type)
        return _iso_days(array) if is_written_day else array

    def provider_columns(self, given: Mapping[str, Any], length: int) -> dict[str, Any]:
        """The kinds of the export and of the agreement."""
        del given
        return {
            "x_export_kind": pa.repeat(self.export_kind, length),
            "x_agreement_type": pa.repeat(self.columns.agreement, length),
        }

    def usage_date(self, found: Mapping[str, Any]) -> Any:
        """The day of the charge."""
        return found["Date"]


def count_billed(batch: pa.RecordBatch, totals: BilledTotals, amortized: set[str]) -> None:
    """Add what the rows bill to the totals of their billing periods, as the template's `billed_by_period` does.

    `amortized` collects the accounts and periods with amortised costs, which are counted before the actual costs.
    """
    kind = batch["ChargeType"]
    is_committed = pc.or_(_is_in(batch["PricingModel"], COMMITTED), _is_in(kind, UNUSED))
    is_covered = pc.and_(is_committed, pc.invert(_is_in(kind, PURCHASES)))
    accounts = _accounts(batch)
    if is_amortized := batch["x_export_kind"][0].as_py() == "AMORTIZED":
        amortized.update(_bounded(pc.unique(accounts)).to_pylist())
        if len(amortized) > _MAX_ACCOUNTS:
            raise StepRefused(f"the amortised costs are of more than {_MAX_ACCOUNTS} accounts, profiles and periods")
    # An account with amortised costs takes only commitments' purchases from the actual costs, and all else from them.
    is_counted_elsewhere = pc.and_(
        pc.is_in(accounts, value_set=pa.array(sorted(amortized), pa.string())),
        is_committed if is_amortized else pc.invert(is_committed),
    )
    billed = pc.if_else(pc.or_(is_covered, is_counted_elsewhere), pa.scalar(0, NUMERIC), batch["CostInBillingCurrency"])
    totals.sum(batch["x_billing_period"], batch["BillingCurrency"], billed, counts_rows=True)


def _accounts(batch: pa.RecordBatch) -> Any:
    """Each row's billing account, profile and period as a text."""
    parts = (batch["BillingAccountId"], batch["BillingProfileId"], pc.cast(batch["x_billing_period"], pa.string()))
    return pc.binary_join_element_wise(
        *(pc.cast(part, pa.string()) for part in parts), "\n", null_handling="replace", null_replacement=""
    )


def _bounded(accounts: Any) -> Any:
    """The accounts. It raises StepRefused for one that is longer than any of Azure's."""
    longest = pc.max(pc.utf8_length(accounts)).as_py() or 0
    if longest > _MAX_ACCOUNT_LENGTH:
        raise StepRefused(f"a row has a billing account and profile of {longest} characters")
    return accounts


def _is_in(array: Any, values: tuple[str, ...]) -> Any:
    return pc.is_in(array, value_set=pa.array(values))


def _iso_days(texts: Any) -> Any:
    """Rewrites days such as 09/30/2026 and 2026-09-30T00:00:00Z as 2026-09-30. It leaves other texts as they are."""
    texts = pc.replace_substring_regex(texts, pattern=_MIDNIGHT, replacement="")
    swapped = pc.binary_join_element_wise(
        pc.utf8_slice_codeunits(texts, 6, 10), pc.utf8_slice_codeunits(texts, 0, 2),
        pc.utf8_slice_codeunits(texts, 3, 5), "-",
    )  # fmt: skip
    return pc.if_else(pc.match_substring_regex(texts, pattern=_AMERICAN), swapped, texts)
