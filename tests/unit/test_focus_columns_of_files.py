"""The columns of FOCUS files: their versions, their names, and the files that are refused."""

from __future__ import annotations

import re
from datetime import date

import pytest

from shared.connectors.focus.columns import place_columns
from shared.connectors.focus.deliveries import find_deliveries, month_of
from shared.connectors.focus.rows import TABLE
from shared.connectors.objects.rows import known_columns
from shared.errors import SourceNotFound, StepRefused
from tests.support.focus.files import charge
from tests.support.stored_objects import MemoryStore

NAMES = list(charge())
OF_THE_PREVIEW = ["ChargeClass", "ContractedCost", "ContractedUnitPrice"]


@pytest.mark.parametrize(
    ("names", "version"),
    [
        ([name for name in NAMES if name not in OF_THE_PREVIEW], "1.0-preview"),
        (NAMES, "1.0"),
        ([*NAMES, "SkuMeter"], "1.1"),
        ([*NAMES, "SkuMeter", "InvoiceId"], "1.2"),
        ([*NAMES, "InvoiceId", "ServiceProviderName"], "1.3"),
        ([*NAMES, "ServiceProviderName", "InvoiceDetailId"], "1.4"),
    ],
)
def test_the_newest_column_tells_the_version(names: list[str], version: str) -> None:
    assert place_columns(names, known_columns(TABLE), file="f").version == version


def test_names_of_any_version_and_case_have_their_places() -> None:
    given = {
        "billedcost": "BilledCost",
        "Region": "RegionName",
        "UsageQuantity": "ConsumedQuantity",
        "x_InvoiceId": "InvoiceId",
    }
    names = [name for name in NAMES if name not in given.values()]
    found = place_columns([*names, *given, "x_Own", "Id"], known_columns(TABLE), file="f")
    assert {name: found.own[name] for name in given} == given
    assert found.others == ["x_Own", "Id"]


def test_a_columns_own_name_goes_before_another_name_for_it() -> None:
    found = place_columns(["x_InvoiceId", "InvoiceId", *NAMES], known_columns(TABLE), file="f")
    assert (found.own["InvoiceId"], found.others) == ("InvoiceId", ["x_InvoiceId"])


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["lineItem/UnblendedCost"], "f is no FOCUS file: it lacks BilledCost, BillingAccountId, "),
        ([name for name in NAMES if name != "EffectiveCost"], "f is no FOCUS file: it lacks EffectiveCost"),
        ([*NAMES, "x_Credits", "x_ExportTime"], "f is of Google's own FOCUS export"),
    ],
)
def test_other_files_are_refused_by_name(names: list[str], message: str) -> None:
    with pytest.raises(StepRefused, match=re.escape(message)):
        place_columns(names, known_columns(TABLE), file="f")


@pytest.mark.parametrize(
    ("path", "month"),
    [
        ("oracle/2026-09/part-1.parquet", date(2026, 9, 1)),
        ("focus_202609.csv", date(2026, 9, 1)),
        ("2026/09/focus.csv", date(2026, 9, 1)),
        ("billing_period=2026-10/1.csv", date(2026, 10, 1)),
        ("year=2026/month=9/1.csv", date(2026, 9, 1)),
        ("20260901-20260930/1.csv", date(2026, 9, 1)),
        ("focus-2026-09-15.csv", date(2026, 9, 1)),
        ("20260915.csv", None),
        ("2026-13/1.csv", None),
        ("focus.csv", None),
    ],
)
def test_a_path_names_a_month(path: str, month: date | None) -> None:
    assert month_of(path) == month


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (["2026-09/a.csv", "focus.csv"], "has files whose path names no month, such as 2026-09: exports/focus.csv"),
        (["a/2026-09/a.csv", "b/2026-09/a.csv"], "has files of 2026-09 in several folders: exports/a/2026-09, "),
        (["2026-09/notes.txt"], "has no CSV or Parquet files"),
    ],
)
def test_files_that_form_no_month_are_refused_by_name(keys: list[str], message: str) -> None:
    store = MemoryStore()
    found = [store.put(f"exports/{key}") for key in keys]
    with pytest.raises(SourceNotFound, match=re.escape(message)):
        find_deliveries(found, place=store.place, prefix=store.prefix)


def test_the_prefix_names_no_month() -> None:
    store = MemoryStore(prefix="2024-01/")
    found = find_deliveries([store.put("2024-01/2026-09/a.csv")], place=store.place, prefix=store.prefix)
    assert list(found) == [date(2026, 9, 1)]
