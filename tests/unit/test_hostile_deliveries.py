"""A bucket made to hurt: what its listing, its manifests and its files say is bounded before it fills memory."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

import pytest

from shared.adapters import listings
from shared.connectors.aws.billing_files import AwsBillingFiles
from shared.connectors.aws.columns import REQUIRED
from shared.connectors.aws.deliveries import find_deliveries
from shared.connectors.aws.manifests import parse_manifest as parse_aws
from shared.connectors.azure.manifests import parse_manifest as parse_azure
from shared.connectors.objects import billing_files
from shared.connectors.objects.deliveries import Delivery, Manifest
from shared.errors import MESSAGE_LENGTH, RunCancelled, SourceNotFound, StepRefused
from shared.runtime.request_time import heeding, limited_to
from tests.support.stored_objects import BEGIN, MemoryStore

SEPTEMBER = date(2026, 9, 1)
ITEM = MemoryStore().put("exports/cur-Manifest.json")
DELIVERY = Delivery("exports/", "data export", SEPTEMBER, ITEM)
PARSERS: dict[str, Callable[[bytes], Manifest]] = {
    "aws": partial(parse_aws, delivery=DELIVERY, bucket="bills", prefix="exports/"),
    "azure": partial(parse_azure, delivery=DELIVERY, prefix="exports/", kinds=["ActualCost"]),
}


def naming(provider: str, keys: list[str], **other: Any) -> bytes:
    files = {"dataFiles": keys} if provider == "aws" else {"blobs": [{"blobName": key} for key in keys]}
    return json.dumps(files | other).encode()


@pytest.mark.parametrize("provider", PARSERS)
def test_a_manifest_is_read_in_time_that_grows_with_its_size_alone(provider: str) -> None:
    keys = [f"exports/{number:x}" for number in range(60_000)]  # comparing each with each would take half a minute
    assert PARSERS[provider](naming(provider, keys)).keys == keys


@pytest.mark.parametrize("provider", PARSERS)
@pytest.mark.parametrize("document", [b"[" * 100_000, b"[]", b"{", b'{"a": ' + b"9" * 5_000 + b"}"])
def test_a_document_that_is_no_manifest_is_refused_for_good(provider: str, document: bytes) -> None:
    with pytest.raises(StepRefused, match=r"exports/cur-Manifest\.json is no"):
        PARSERS[provider](document)


@pytest.mark.parametrize(
    ("provider", "document"),
    [
        ("aws", naming("aws", ["exports/" + "k" * 100_000] * 2)),
        ("azure", naming("azure", ["exports/" + "k" * 100_000] * 2)),
        ("azure", naming("azure", [], blobCount="9" * 100_000)),
    ],
)
def test_the_error_of_a_run_quotes_no_more_than_its_message_may_have(provider: str, document: bytes) -> None:
    with pytest.raises(StepRefused) as refused:
        PARSERS[provider](document)
    assert len(refused.value.message) < MESSAGE_LENGTH
    assert len(SourceNotFound("x" * 100_000).message) == MESSAGE_LENGTH


@pytest.mark.parametrize(("count", "characters"), [(10, 1000), (5, 40)])
def test_a_listing_ends_at_its_bounds(monkeypatch: pytest.MonkeyPatch, count: int, characters: int) -> None:
    monkeypatch.setattr(listings, "MAX_OBJECTS", count)
    monkeypatch.setattr(listings, "MAX_CHARACTERS", characters)
    fitting = [f"exports/{number}" for number in range(min(count, characters // 9))]
    assert list(listings.bounded(fitting, str, place="s3://bills")) == fitting
    with pytest.raises(SourceNotFound, match="s3://bills has too many objects: there are more than"):
        list(listings.bounded([*fitting, "exports/x"], str, place="s3://bills"))


def test_a_listing_heeds_the_requests_time_and_its_signals() -> None:
    with limited_to(5.0), pytest.raises(SourceNotFound, match="0 objects were listed, and the time is used up"):
        list(listings.bounded(["a"], str, place="s3://bills"))

    def stop() -> None:
        raise RunCancelled

    with heeding(stop, []), pytest.raises(RunCancelled):
        list(listings.bounded(["a"], str, place="s3://bills"))


def test_a_bucket_of_more_periods_than_a_run_can_name_is_refused() -> None:
    months = [f"{year:04d}-{month:02d}" for year in range(1, 52) for month in range(1, 13)]
    objects = [replace(ITEM, key=f"exports/data/BILLING_PERIOD={month}/a.csv") for month in months]
    assert len(find_deliveries(objects[:600], place="s3://bills")) == 600
    with pytest.raises(SourceNotFound, match="more than 600 billing periods"):
        find_deliveries(objects, place="s3://bills")


def test_the_unknown_columns_of_all_files_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(billing_files, "_MAX_UNKNOWN", 3)
    store = MemoryStore()
    for number in range(2):
        names = [*REQUIRED, f"a{number}", f"b{number}"]
        content = ",".join(names) + "\n1,USD,Usage,x,1.5,2026-09-02T00:00:00Z,2026-09-01T00:00:00Z,1,2\n"
        store.put(f"exports/data/BILLING_PERIOD=2026-09/f-{number + 1}.csv", content.encode(), at=BEGIN)
    files = AwsBillingFiles(store, "aws:bills/exports", "run", datetime(2026, 10, 9, tzinfo=UTC))
    batches = files.batches(files.between(SEPTEMBER, SEPTEMBER))
    assert next(batches).num_rows == 1
    with pytest.raises(StepRefused, match="its files have more than 3 unknown columns"):
        list(batches)
