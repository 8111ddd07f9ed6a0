"""Which objects of a bucket form a billing period, and which are refused because they are ambiguous."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import pytest

from shared.connectors.aws.billing_files import AwsBillingFiles
from shared.connectors.aws.columns import REQUIRED, place_columns
from shared.connectors.aws.deliveries import find_deliveries
from shared.connectors.aws.manifests import parse_manifest
from shared.connectors.aws.rows import TABLE
from shared.connectors.objects.rows import known_columns
from shared.domain.credentials.credentials import AwsRole
from shared.domain.object_stores import folder
from shared.errors import SourceNotFound, SourceRewritten, StepRefused
from tests.support.aws_exports import csv_of, line
from tests.support.stored_objects import BEGIN, MemoryStore

KNOWN = known_columns(TABLE)
ROLE = "arn:aws:iam::123456789012:role/reader"
SEPTEMBER, OCTOBER = date(2026, 9, 1), date(2026, 10, 1)
CUR2, LEGACY = "exports/cur2/", "exports/cur/"
CUR2_MANIFEST = f"{CUR2}metadata/BILLING_PERIOD=2026-09/cur2-Manifest.json"
LEGACY_FOLDER = f"{LEGACY}20260901-20261001/"


def found(*keys: str) -> dict[date, str]:
    store = MemoryStore()
    for key in keys:
        store.put(key)
    deliveries = find_deliveries(store.list(), place="s3://bills/exports/")
    return {period: delivery.name for period, delivery in deliveries.items()}


def refused(*keys: str) -> str:
    with pytest.raises(SourceNotFound) as error:
        found(*keys)
    return error.value.message


@pytest.mark.parametrize(
    ("keys", "name"),
    [
        ([CUR2_MANIFEST, f"{CUR2}data/BILLING_PERIOD=2026-09/cur2-00001.csv.gz"], CUR2_MANIFEST),
        ([CUR2_MANIFEST.replace("BILLING_PERIOD", "billing_period")],
         CUR2_MANIFEST.replace("BILLING_PERIOD", "billing_period")),
        ([f"{LEGACY_FOLDER}cur-Manifest.json"], f"{LEGACY_FOLDER}cur-Manifest.json"),
        ([f"{CUR2}data/BILLING_PERIOD=2026-09/a-00002.csv.gz", f"{CUR2}data/BILLING_PERIOD=2026-09/a-00001.csv.gz"],
         f"{CUR2}data/BILLING_PERIOD=2026-09/"),
        ([f"{CUR2}BILLING_PERIOD=2026-09/whatever.parquet", "exports/readme.txt"], f"{CUR2}BILLING_PERIOD=2026-09/"),
    ],
)  # fmt: skip
def test_a_period_consists_of_its_manifests_files_or_of_a_complete_set(keys: list[str], name: str) -> None:
    assert found(*keys) == {SEPTEMBER: name}


def test_the_newest_of_several_manifests_counts() -> None:
    store = MemoryStore()
    for update, seconds in (("update-b", 30), ("update-a", 20)):
        key = f"{CUR2}metadata/BILLING_PERIOD=2026-09/{update}/cur2-Manifest.json"
        store.put(key, at=BEGIN + timedelta(seconds=seconds))
    (delivery,) = find_deliveries(store.list(), place="").values()
    assert "/update-b/" in delivery.name


def test_the_manifest_of_a_period_is_preferred_to_its_copy_in_an_updates_folder() -> None:
    store, moment = MemoryStore(), BEGIN
    for key in (f"{LEGACY_FOLDER}0f1e/cur-Manifest.json", f"{LEGACY_FOLDER}cur-Manifest.json"):
        store.put(key, at=moment)
    (delivery,) = find_deliveries(store.list(), place="").values()
    assert delivery.name == f"{LEGACY_FOLDER}cur-Manifest.json"


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (["exports/readme.txt"], "neither a manifest of a billing export nor files by billing period"),
        ([f"{CUR2}data/BILLING_PERIOD=2026-09/run-1/a-00001.csv.gz"], "creates new files at each update"),
        ([f"{CUR2}data/BILLING_PERIOD=2026-09/a-00001.csv.gz", f"{CUR2}data/BILLING_PERIOD=2026-09/a-00003.csv.gz"],
         "not numbered 1 to 2"),
        ([CUR2_MANIFEST, f"{LEGACY}20261001-20261101/cur-Manifest.json"], "exports of two formats"),
        ([CUR2_MANIFEST, CUR2_MANIFEST.replace("/cur2/", "/other/")], "two exports of 2026-09"),
        ([CUR2_MANIFEST.replace("2026-09", "2026-13")], "a month that the calendar does not have"),
    ],
)  # fmt: skip
def test_files_that_could_be_counted_twice_are_refused_by_name(keys: list[str], words: str) -> None:
    assert words in refused(*keys)


def manifest(content: Any) -> Any:
    store = MemoryStore()
    store.put(CUR2_MANIFEST)
    (delivery,) = find_deliveries(store.list(), place="").values()
    document = content if isinstance(content, bytes) else json.dumps(content).encode()
    return parse_manifest(document, delivery, bucket="bills", prefix="exports/")


@pytest.mark.parametrize("given", ["s3://bills/exports/cur2/a.gz", "exports/cur2/a.gz", "/exports/cur2/a.gz"])
@pytest.mark.parametrize("field", ["dataFiles", "reportKeys"])
def test_a_manifest_may_name_keys_or_uris(field: str, given: str) -> None:
    assert manifest({field: [given]}).keys == ["exports/cur2/a.gz"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "is no JSON document"),
        ([], "is no manifest"),
        ({"dataFiles": "exports/a"}, "neither dataFiles nor reportKeys"),
        ({"dataFiles": ["s3://others/exports/a"]}, "a file of another bucket"),
        ({"dataFiles": ["exports-of-others/a"]}, "lies outside exports/"),
        ({"dataFiles": ["exports/../others/a"]}, "a path would resolve"),
        ({"dataFiles": ["exports/a", "s3://bills/exports/a"]}, "names exports/a more than once"),
        ({"bucket": "others", "reportKeys": []}, "is of another bucket"),
        ({"reportKeys": [], "billingPeriod": {"start": "20261001T000000.000Z"}}, "and its folder 2026-09"),
    ],
)
def test_a_manifest_that_points_elsewhere_is_refused(content: Any, words: str) -> None:
    with pytest.raises(StepRefused, match=words):
        manifest(content)


def test_columns_are_recognised_in_all_spellings() -> None:
    legacy = place_columns([*line(SEPTEMBER, 1, "1"), "discount/Spp", "some/NewColumn"], KNOWN, file="f")
    assert legacy.own["lineItem/UnblendedCost"] == "line_item_unblended_cost"
    assert legacy.own["savingsPlan/SavingsPlanARN"] == "savings_plan_savings_plan_a_r_n"
    assert legacy.members["product"] == {"product/region": "region"}
    assert legacy.members["resource_tags"] == {"resourceTags/user:team": "user_team"}
    assert legacy.others == ["some/NewColumn"]
    flat = place_columns([*REQUIRED, "product_vcpu", "resource_tags_user_team", "new_one"], KNOWN, file="f")
    assert (flat.members["product"], flat.others) == ({"product_vcpu": "vcpu"}, ["new_one"])


def test_an_export_without_a_required_column_is_refused_by_name() -> None:
    names = [name for name in REQUIRED if name != "line_item_unblended_cost"]
    with pytest.raises(StepRefused, match="f lacks columns that a cost needs: line_item_unblended_cost"):
        place_columns(names, KNOWN, file="f")
    with pytest.raises(StepRefused, match="f is a FOCUS export"):
        place_columns(["BilledCost", "ChargeCategory"], KNOWN, file="f")


def put_report(store: MemoryStore, *costs: str) -> None:
    rows = [line(SEPTEMBER, number, cost) for number, cost in enumerate(costs)]
    store.put(f"{LEGACY_FOLDER}cur-1.csv", csv_of(rows, list(rows[0])))
    keys = json.dumps({"reportKeys": [f"{LEGACY_FOLDER}cur-1.csv"]}).encode()
    store.put(f"{LEGACY_FOLDER}cur-Manifest.json", keys)


def files(store: MemoryStore, **given: Any) -> AwsBillingFiles:
    return AwsBillingFiles(store, "aws:bills/exports", "run", given.get("read_at", BEGIN + timedelta(days=1)))


def test_a_delivery_that_arrives_while_another_one_is_read_is_not_mixed_with_it() -> None:
    store = MemoryStore()
    put_report(store, "1", "2")
    batches = files(store).batches(list(files(store).deliveries.values()))
    assert next(batches).num_rows == 2
    store.put(f"{LEGACY_FOLDER}cur-Manifest.json", b'{"reportKeys": []}')
    with pytest.raises(SourceRewritten, match="was delivered anew"):
        list(batches)


def test_a_file_that_is_missing_or_newer_than_its_manifest_means_a_delivery_under_way() -> None:
    store = MemoryStore()
    put_report(store, "1")
    selected = list(files(store).deliveries.values())
    store.put(f"{LEGACY_FOLDER}cur-1.csv", b"new", at=BEGIN + timedelta(minutes=1))
    with pytest.raises(SourceRewritten, match="newer than its manifest"):
        list(files(store, read_at=BEGIN + timedelta(minutes=2)).batches(selected))
    del store.objects[f"{LEGACY_FOLDER}cur-1.csv"]
    with pytest.raises(SourceRewritten, match="which is not there"):
        list(files(store).batches(selected))


def test_a_set_without_a_manifest_that_grows_meanwhile_is_not_complete() -> None:
    store, folder = MemoryStore(), f"{CUR2}data/BILLING_PERIOD=2026-09/"
    rows = [line(SEPTEMBER, 1, "1")]
    store.put(f"{folder}a-00001.csv", csv_of(rows, list(rows[0])))
    selected = list(files(store).deliveries.values())
    assert sum(batch.num_rows for batch in files(store).batches(selected)) == 1
    batches = files(store).batches(selected)
    next(batches)
    store.put(f"{folder}a-00002.csv", b"")
    with pytest.raises(SourceRewritten, match="was delivered anew"):
        list(batches)


def test_periods_that_have_not_changed_since_their_publish_are_not_read() -> None:
    store = MemoryStore()
    put_report(store, "1")
    published = {str(SEPTEMBER): files(store).deliveries[SEPTEMBER].digest}
    store.requests.clear()
    assert files(store).changed(published) == []
    assert store.requests == []
    put_report(store, "2")
    store.put(f"{LEGACY_FOLDER}cur-Manifest.json", b"{}")
    assert [found.period for found in files(store).changed(published)] == [SEPTEMBER]


def test_a_manifest_that_is_written_again_with_the_same_bytes_is_a_new_delivery() -> None:
    store = MemoryStore()
    put_report(store, "1")
    published = {str(SEPTEMBER): files(store).deliveries[SEPTEMBER].digest}
    put_report(store, "2")  # in place: the new files have the names that the manifest has already
    assert [found.period for found in files(store).changed(published)] == [SEPTEMBER]


def test_a_requested_period_that_is_missing_is_named() -> None:
    store = MemoryStore()
    put_report(store, "1")
    with pytest.raises(SourceNotFound, match="has nothing of 2026-10; it has 2026-09"):
        files(store).between(date(2026, 9, 30), date(2026, 10, 1))


@pytest.mark.parametrize("prefix", ["exports", "exports/", "/exports", "/exports/"])
def test_a_prefix_is_one_source_with_or_without_slashes(prefix: str) -> None:
    credential = AwsRole(region="eu-central-1", bucket="bills", prefix=prefix, role_arn=ROLE)
    assert credential.source == "aws:bills/exports"
    assert folder(prefix) == "exports/"
