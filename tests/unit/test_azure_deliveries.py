"""What of a container's blobs forms a billing period, how rows are read, and what is refused by name."""

from __future__ import annotations

import json
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from shared.connectors.azure.billing_files import AzureBillingFiles
from shared.connectors.azure.columns import REQUIRED, place_columns
from shared.connectors.azure.deliveries import find_deliveries
from shared.connectors.azure.manifests import parse_manifest
from shared.connectors.azure.rows import TABLE
from shared.connectors.daily_totals import BilledTotals
from shared.connectors.objects.rows import known_columns
from shared.domain.credentials.credentials import AzureFederated, FederatedCredential
from shared.errors import SourceNotFound, SourceRewritten, StepRefused
from tests.support.azure_exports import ENCODERS, Export, charge
from tests.support.local_blobs import CLIENT, TENANT
from tests.support.stored_objects import BEGIN, MemoryStore

SEPTEMBER = date(2026, 9, 1)
DAYS, RUN = "20260901-20260930", "202609030102/0f1e2d3c-1111-4222-8333-444444444444"
FOLDER = f"exports/costs/{DAYS}/"


def found(*keys: str) -> dict[date, str]:
    store = MemoryStore()
    for key in keys:
        store.put(key)
    return {
        period: (delivery.manifest or delivery.files[0]).key
        for period, delivery in find_deliveries(store.list(), place="azure://a/bills/exports/", kind_of=str).items()
    }


@pytest.mark.parametrize(
    ("keys", "name"),
    [
        ([f"{FOLDER}{RUN}/part_0_0001.csv", f"{FOLDER}{RUN}/manifest.json"], f"{FOLDER}{RUN}/manifest.json"),
        ([f"exports/{DAYS}/costs/{RUN}/manifest.json"], f"exports/{DAYS}/costs/{RUN}/manifest.json"),
        ([f"{FOLDER}_manifest.json", f"{FOLDER}part_0_0001.csv.gz"], f"{FOLDER}_manifest.json"),
        ([f"{FOLDER}costs_b.csv", f"{FOLDER}costs_a.csv"], f"{FOLDER}costs_a.csv"),
        (
            [f"{FOLDER}{RUN}/part_0_0001.snappy.parquet", "exports/readme.csv"],
            f"{FOLDER}{RUN}/part_0_0001.snappy.parquet",
        ),
    ],
)
def test_a_period_is_its_newest_manifest_or_its_newest_file(keys: list[str], name: str) -> None:
    assert found(*keys) == {SEPTEMBER: name}


def test_of_many_runs_the_newest_manifest_counts() -> None:
    older, newer = f"{FOLDER}{RUN}/manifest.json", f"{FOLDER}{RUN.replace('0102', '0902')}/manifest.json"
    assert found(older, newer) == {SEPTEMBER: newer}


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (["exports/readme.csv"], "neither a manifest of a cost export nor files by billing period"),
        ([f"{FOLDER}part_0_0001.csv", f"{FOLDER}part_1_0001.csv"], "is one part of several"),
        ([f"{FOLDER}a.csv", f"exports/other/{DAYS}/a.csv"], "two exports of 2026-09"),
        (["exports/costs/20260901-20260915/a.csv"], "is not a whole month"),
        (["exports/costs/20260931-20260930/a.csv"], "days that the calendar does not have"),
    ],
)
def test_what_may_be_added_up_wrongly_is_refused_by_name(keys: list[str], words: str) -> None:
    with pytest.raises(SourceNotFound, match=words):
        found(*keys)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "is no JSON document"),
        ([], "is no manifest"),
        ({}, "it has no blobs"),
        ({"blobs": [{"blobName": "exports-of-others/a"}]}, "lies outside exports/"),
        ({"blobs": [{"blobName": "exports/../others/a"}]}, "a path would resolve"),
        ({"blobs": [{"blobName": 7}]}, "has a blob without a name"),
        ({"blobs": [{"blobName": "exports/a"}, {"blobName": "/exports/a"}]}, "names exports/a more than once"),
        ({"blobs": [], "blobCount": 1}, "is of 1 blobs, and names 0"),
        ({"blobs": [], "exportConfig": {"type": "amortizedcost"}}, "an export of AmortizedCost"),
        ({"blobs": [], "exportConfig": {"type": "FocusCost"}}, "an export of FocusCost"),
        ({"blobs": [], "runInfo": {"startDate": "2026-10-01T00:00:00"}}, "and its folder 2026-09"),
    ],
)
def test_a_manifest_that_is_of_something_else_is_refused(content: Any, words: str) -> None:
    store = MemoryStore()
    store.put(f"{FOLDER}manifest.json")
    (delivery,) = find_deliveries(store.list(), place="", kind_of=str).values()
    document = content if isinstance(content, bytes) else json.dumps(content).encode()
    with pytest.raises(StepRefused, match=words):
        parse_manifest(document, delivery, prefix="exports/", kinds=["ActualCost"])


def test_columns_of_all_spellings_find_their_place() -> None:
    german = ["Ressourcengruppe (ResourceGroup)", "UsageQuantity (UsageQuantity)", "Maßeinheit (UnitOfMeasure)"]
    columns = place_columns(
        [*REQUIRED, *german, "meterCategory", "InstanceId", "ResourceId", "New"], known_columns(TABLE), file="f"
    )
    assert [columns.own[name] for name in german] == ["ResourceGroup", "Quantity", "UnitOfMeasure"]
    assert (columns.own["meterCategory"], columns.own["ResourceId"]) == ("MeterCategory", "ResourceId")
    assert columns.others == ["InstanceId", "New"]
    assert columns.agreement == "EA"
    assert place_columns([*REQUIRED, "costInUsd"], known_columns(TABLE), file="f").agreement == "MCA"
    assert place_columns([*REQUIRED, "costInUsd", "AccountOwnerId"], known_columns(TABLE), file="f").agreement == "EA"


def test_an_export_without_what_a_cost_needs_is_refused_by_column() -> None:
    with pytest.raises(StepRefused, match="f lacks columns that a cost needs: BillingAccountId, ChargeType"):
        place_columns(["PreTaxCost", "Currency", "BillingCurrency", "UsageDateTime"], known_columns(TABLE), file="f")
    with pytest.raises(StepRefused, match="f is a FOCUS export"):
        place_columns(["BilledCost", "ChargeCategory"], known_columns(TABLE), file="f")


@pytest.mark.parametrize("prefix", ["exports", "/exports", "exports/", "/exports/"])
def test_a_prefix_is_one_source_with_or_without_slashes(prefix: str) -> None:
    place = {"storage_account": "acmecosts", "container": "bills", "prefix": prefix}
    credential = AzureFederated(tenant_id=TENANT, client_id=CLIENT, federated_credential=FederatedCredential(), **place)
    assert credential.source == "azure:acmecosts/bills/exports"


def files(store: MemoryStore) -> AzureBillingFiles:
    return AzureBillingFiles(store, "azure:acmecosts/bills/exports", "run", BEGIN + timedelta(days=9))


def read(store: MemoryStore) -> list[dict[str, Any]]:
    connector = files(store)
    return [row for batch in connector.batches(list(connector.deliveries.values())) for row in batch.to_pylist()]


@pytest.mark.parametrize("ending", ENCODERS)
def test_every_format_gives_the_same_rows(ending: str) -> None:
    store = MemoryStore()
    Export(store.put).deliver(
        SEPTEMBER, [charge(SEPTEMBER, 4, "1.5"), charge(SEPTEMBER, 5, "1E-05")], files=2, ending=ending
    )
    rows = read(store)
    assert [row["CostInBillingCurrency"] for row in rows] == [Decimal("1.5"), Decimal("0.00001")]
    assert {(row["x_usage_date"], row["x_billing_period"]) for row in rows} == {
        (date(2026, 9, 5), SEPTEMBER), (date(2026, 9, 6), SEPTEMBER),
    }  # fmt: skip
    assert {(row["BillingAccountId"], row["Product"], row["x_export_kind"]) for row in rows} == {
        ("8611537", "Virtual Machines BS Series - B2s - US East", "ACTUAL")
    }


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("09/04/2026", date(2026, 9, 4)),
        ("2026-09-04", date(2026, 9, 4)),
        ("2026-09-04T00:00:00", date(2026, 9, 4)),
        ("2026-09-04T00:00:00.0000000Z", date(2026, 9, 4)),
    ],
)
def test_days_are_read_as_azure_writes_them(written: str, day: date) -> None:
    store = MemoryStore()
    Export(store.put).deliver_file(SEPTEMBER, [charge(SEPTEMBER, 1, "1", Date=written)])
    assert [row["Date"] for row in read(store)] == [day]


@pytest.mark.parametrize(
    "written", ["25/09/2026", "04.09.2026", "9/4/2026", "02/30/2026", "2026-09-04T05:00:00", "soon"]
)
def test_a_day_that_is_none_ends_the_run_by_name(written: str) -> None:
    store = MemoryStore()
    Export(store.put).deliver_file(SEPTEMBER, [charge(SEPTEMBER, 1, "1"), charge(SEPTEMBER, 1, "1", Date=written)])
    with pytest.raises(StepRefused, match=r"costs_1\.csv: column Date") as refused:
        read(store)
    assert f"a row has {written}" in refused.value.message


def test_what_a_commitment_covers_is_billed_by_its_purchase() -> None:
    store = MemoryStore()
    kinds = [("Usage", "OnDemand"), ("Usage", "Reservation"), ("Purchase", "Reservation"), ("UnusedSavingsPlan", "")]
    rows = [
        charge(SEPTEMBER, n, str(2**n), ChargeType=kind, PricingModel=model) for n, (kind, model) in enumerate(kinds)
    ]
    Export(store.put).deliver(SEPTEMBER, rows)
    assert counted(files(store)) == [("2026-09-01", "USD", 4, "5")]


AMORTIZED = {"exportConfig": {"type": "AmortizedCost"}}
COVERED = {"PricingModel": "Reservation"}


def counted(connector: AzureBillingFiles) -> list[tuple[str, str | None, int, str]]:
    totals = BilledTotals()
    for batch in connector.batches(list(connector.deliveries.values())):
        connector.count_billed(batch, totals)
    return sorted(totals.by_day())


def test_actual_and_amortised_costs_of_a_period_are_one_delivery_and_each_cost_counts_once() -> None:
    store = MemoryStore()
    actual, amortized = Export(store.put), Export(store.put, prefix="exports/amortized")
    of_another_account = charge(SEPTEMBER, 9, "1000", BillingAccountId="2")
    actual.deliver(
        SEPTEMBER,
        [
            charge(SEPTEMBER, 1, "2"),
            charge(SEPTEMBER, 2, "0", **COVERED),
            charge(SEPTEMBER, 3, "30", ChargeType="Purchase", **COVERED),
            of_another_account,
        ],
    )
    lines = [
        charge(SEPTEMBER, 1, "2"),
        charge(SEPTEMBER, 2, "0.6", **COVERED),
        charge(SEPTEMBER, 3, "0.4", ChargeType="UnusedReservation", **COVERED),
    ]
    amortized.deliver(SEPTEMBER, lines, manifest=AMORTIZED)
    connector = files(store)
    assert counted(connector) == [("2026-09-01", "USD", 7, "1032")]
    assert [row["x_export_kind"] for row in read(store)] == ["AMORTIZED"] * 3 + ["ACTUAL"] * 4
    (before,) = connector.deliveries.values()
    amortized.deliver(SEPTEMBER, lines, manifest=AMORTIZED)
    (after,) = files(store).deliveries.values()
    assert after.digest != before.digest
    assert counted(files(store)) == [("2026-09-01", "USD", 7, "1032")]


def test_a_period_with_only_one_of_two_exports_has_the_costs_of_that_one() -> None:
    store = MemoryStore()
    Export(store.put).deliver(SEPTEMBER, [charge(SEPTEMBER, 1, "2")])
    amortized = Export(store.put, prefix="exports/amortized")
    for period, cost in ((SEPTEMBER, "2"), (date(2026, 10, 1), "5")):
        amortized.deliver(period, [charge(period, 1, cost)], manifest=AMORTIZED)
    assert counted(files(store)) == [("2026-09-01", "USD", 2, "2"), ("2026-10-01", "USD", 1, "5")]


@pytest.mark.parametrize("kind", ["ActualCost", "FocusCost"])
def test_two_exports_that_are_no_pair_are_refused(kind: str) -> None:
    store = MemoryStore()
    Export(store.put).deliver(SEPTEMBER, [charge(SEPTEMBER, 1, "2")])
    other = Export(store.put, prefix="exports/other")
    other.deliver(SEPTEMBER, [charge(SEPTEMBER, 1, "2")], manifest={"exportConfig": {"type": kind}})
    with pytest.raises(SourceNotFound, match="two exports of 2026-09"):
        read(store)


def test_an_export_that_was_of_other_costs_in_an_earlier_period_is_refused() -> None:
    store = MemoryStore()
    first, other = Export(store.put), Export(store.put, prefix="exports/other")
    first.deliver(date(2026, 8, 1), [charge(date(2026, 8, 1), 1, "2")], manifest=AMORTIZED)
    first.deliver(SEPTEMBER, [charge(SEPTEMBER, 1, "2")])
    other.deliver(SEPTEMBER, [charge(SEPTEMBER, 1, "2")], manifest=AMORTIZED)
    with pytest.raises(StepRefused, match="is an export of AmortizedCost; this pipeline reads ActualCost"):
        read(store)


def test_missing_rows_and_a_file_that_is_written_meanwhile_are_reported() -> None:
    store = MemoryStore()
    export = Export(store.put)
    export.deliver(SEPTEMBER, [charge(SEPTEMBER, 1, "1")], manifest={"dataRowCount": 2})
    with pytest.raises(StepRefused, match="is of 2 rows, and its files have 1"):
        read(store)
    store = MemoryStore()
    key = Export(store.put).deliver_file(SEPTEMBER, [charge(SEPTEMBER, 1, "1")])
    connector = files(store)
    batches = connector.batches(list(connector.deliveries.values()))
    next(batches)
    store.put(key, b"another")
    with pytest.raises(SourceRewritten, match="was delivered anew"):
        list(batches)
