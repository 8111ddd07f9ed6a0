"""The accounts of amortised costs are in memory while a period is read, so they are few and short."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import pyarrow as pa
import pytest

from shared.connectors.arrow_types import NUMERIC
from shared.connectors.azure.rows import count_billed
from shared.connectors.daily_totals import BilledTotals
from shared.errors import StepRefused


def amortized_costs(accounts: Sequence[str]) -> pa.RecordBatch:
    count = len(accounts)
    columns = {
        "x_export_kind": pa.repeat("AMORTIZED", count),
        "x_billing_period": pa.repeat(pa.scalar(date(2026, 9, 1), pa.date32()), count),
        "BillingAccountId": pa.array(accounts),
        "BillingProfileId": pa.nulls(count, pa.string()),
        "BillingCurrency": pa.repeat("USD", count),
        "ChargeType": pa.repeat("Usage", count),
        "PricingModel": pa.repeat("OnDemand", count),
        "CostInBillingCurrency": pa.repeat(pa.scalar(Decimal(1), NUMERIC), count),
    }
    return pa.RecordBatch.from_pydict(columns)


def test_accounts_that_fill_the_memory_are_refused_for_good() -> None:
    amortized: set[str] = set()
    count_billed(amortized_costs([f"account-{number}" for number in range(50_000)]), BilledTotals(), amortized)
    with pytest.raises(StepRefused, match="of more than 50000 accounts, profiles and periods"):
        count_billed(amortized_costs(["one more"]), BilledTotals(), amortized)


def test_a_long_account_is_refused_for_good() -> None:
    with pytest.raises(StepRefused, match=r"a billing account and profile of 1000012 characters"):
        count_billed(amortized_costs(["a" * 1_000_000]), BilledTotals(), set())
