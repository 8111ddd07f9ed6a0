"""A run without dates finds a change of a closed billing period, however old it is, and reads no other period."""

from __future__ import annotations

import calendar
from collections.abc import Callable
from datetime import date, timedelta

import pytest

from shared.connectors.aws.billing_files import AwsBillingFiles
from shared.connectors.azure.billing_files import AzureBillingFiles
from shared.connectors.focus.billing_files import FocusFiles
from shared.connectors.objects.billing_files import BillingFiles
from tests.support.aws_exports import next_month
from tests.support.stored_objects import BEGIN, MemoryStore

MONTHS = 40
LATE = 13  # months in which a cloud may still correct a bill; older months are compared too


def month_before(months: int) -> date:
    """The first day of a month before the newest one, which is that of BEGIN."""
    number = BEGIN.year * 12 + BEGIN.month - 1 - months
    return date(number // 12, number % 12 + 1, 1)


def aws_key(period: date) -> str:
    return f"exports/cur/{period:%Y%m%d}-{next_month(period):%Y%m%d}/cur-Manifest.json"


def azure_key(period: date) -> str:
    last = calendar.monthrange(period.year, period.month)[1]
    return f"exports/costs/{period:%Y%m%d}-{period:%Y%m}{last}/202610030001/manifest.json"


def focus_key(period: date) -> str:
    return f"exports/{period:%Y-%m}/{period:%Y%m}-1.csv"


@pytest.mark.parametrize("months", [1, LATE, LATE + 1, MONTHS])
@pytest.mark.parametrize(
    ("connector", "key_of"), [(AwsBillingFiles, aws_key), (AzureBillingFiles, azure_key), (FocusFiles, focus_key)]
)
def test_a_change_of_a_closed_period_is_found(
    connector: type[BillingFiles], key_of: Callable[[date], str], months: int
) -> None:
    store = MemoryStore()
    for number in range(MONTHS + 1):
        store.put(key_of(month_before(number)))

    def listed() -> BillingFiles:
        return connector(store, "source", "run", BEGIN + timedelta(days=2))

    published = {str(period): found.digest for period, found in listed().deliveries.items()}
    assert len(published) == MONTHS + 1
    assert listed().changed(published) == []
    store.put(key_of(month_before(months)), b"corrected")
    assert [found.period for found in listed().changed(published)] == [month_before(months)]
    assert store.requests == []  # the listing says it all
