"""Reads deliveries with something wrong from each S3 and Blob storage, as a run reads them.

Either all rows of one version of a delivery are read, or an error names the reason. SeaweedFS and Azurite are judges.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest

from shared.adapters.aws.s3 import open_bucket
from shared.adapters.azure.blobs import open_container
from shared.connectors.aws.billing_files import AwsBillingFiles
from shared.connectors.azure.billing_files import AzureBillingFiles
from shared.connectors.objects.billing_files import BillingFiles
from shared.domain.credentials.credentials import AwsAccessKey, AzureClientSecret
from shared.errors import SourceNotFound, SourceRewritten, StepRefused
from tests.support.aws_exports import Report, line
from tests.support.azure_exports import Export, charge
from tests.support.stores.blob_servers import BlobServer, blob_server
from tests.support.stores.s3_servers import S3Server, s3_server

SEPTEMBER = date(2026, 9, 1)
OURS = ["devcloud S3", "devcloud Blob"]
JUDGES = [pytest.param(name, marks=pytest.mark.judge) for name in ("seaweedfs", "azurite")]


class Place(ABC):
    """An empty bucket or container, into which its cloud delivers."""

    @abstractmethod
    def files(self) -> BillingFiles:
        """Return what a run reads, as the place is listed now."""

    @abstractmethod
    def put(self, key: str, content: bytes) -> None:
        """Write an object."""

    @abstractmethod
    def remove(self, key: str) -> None:
        """Delete an object."""

    @abstractmethod
    def deliver(self, costs: Sequence[str], *, files: int = 1) -> list[str]:
        """Deliver September with a row for each cost, and return the keys of its files."""

    @abstractmethod
    def manifest_of(self, keys: Sequence[str]) -> None:
        """Deliver a manifest of September that names these files."""

    def read(self) -> int:
        """Read all changed deliveries and return the number of their rows."""
        files = self.files()
        return sum(batch.num_rows for batch in files.batches(files.changed({})))


@dataclass
class AwsPlace(Place):
    server: S3Server
    bucket: str

    @property
    def report(self) -> Report[S3Server]:
        return Report(self.server, self.bucket)

    def files(self) -> BillingFiles:
        credential = AwsAccessKey(**self.server.credentials(self.bucket, "exports")["credentials"])
        at = self.server.endpoint
        return AwsBillingFiles(open_bucket(credential, str, endpoint=at, sts_endpoint=at), "aws", "run", _now())

    def put(self, key: str, content: bytes) -> None:
        self.server.put(self.bucket, key, content)

    def remove(self, key: str) -> None:
        self.server.remove(self.bucket, key)

    def deliver(self, costs: Sequence[str], *, files: int = 1) -> list[str]:
        rows = [line(SEPTEMBER, number, cost) for number, cost in enumerate(costs)]
        self.report.deliver(SEPTEMBER, rows, files=files, columns=list(line(SEPTEMBER, 1, "1")))
        return [f"exports/cur/20260901-20261001/cur-{number + 1:05d}.csv.gz" for number in range(files)]

    def manifest_of(self, keys: Sequence[str]) -> None:
        self.report.deliver_manifest(SEPTEMBER, keys, assemblyId=uuid4().hex)


@dataclass
class AzurePlace(Place):
    server: BlobServer
    container: str
    manifest: str = ""
    export: Export = field(init=False)

    def __post_init__(self) -> None:
        self.export = Export(self._put)

    def files(self) -> BillingFiles:
        credential = AzureClientSecret(**self.server.credentials(self.container, "exports")["credentials"])
        store = open_container(credential, str, endpoint=self.server.endpoint, authority=self.server.authority)
        return AzureBillingFiles(store, "azure", "run", _now())

    def put(self, key: str, content: bytes) -> None:
        self.server.put(self.container, key, content)

    def _put(self, key: str, content: bytes) -> None:
        self.manifest = key
        self.put(key, content)

    def remove(self, key: str) -> None:
        self.server.remove(self.container, key)

    def deliver(self, costs: Sequence[str], *, files: int = 1) -> list[str]:
        rows = [charge(SEPTEMBER, number, cost) for number, cost in enumerate(costs)]
        columns = list(charge(SEPTEMBER, 1, "1"))
        return self.export.deliver(SEPTEMBER, rows, files=files, ending="csv.gz", columns=columns)

    def manifest_of(self, keys: Sequence[str]) -> None:
        manifest = {"exportConfig": {"type": "ActualCost"}, "blobs": [{"blobName": key} for key in keys]}
        self.put(self.manifest, json.dumps(manifest | {"runInfo": {"runId": uuid4().hex}}).encode())


def _now() -> datetime:
    return datetime.now(UTC)


@contextmanager
def server_of(name: str, folder: Path) -> Iterator[partial[Place]]:
    """Starts a server and yields a function that makes a place in it."""
    if name in ("devcloud S3", "seaweedfs"):
        with s3_server(name.split(maxsplit=1)[0], folder) as s3:
            yield partial(_bucket, s3)
    else:
        with blob_server(name.split(maxsplit=1)[0], folder) as azure, pytest.MonkeyPatch.context() as patch:
            patch.setenv("REQUESTS_CA_BUNDLE", str(azure.certificate))
            yield partial(_container, azure)


def _bucket(s3: S3Server) -> Place:
    place = AwsPlace(s3, f"bills-{uuid4().hex[:12]}")
    s3.make_bucket(place.bucket)
    return place


def _container(azure: BlobServer) -> Place:
    return AzurePlace(azure, azure.make_container())


@pytest.fixture(scope="module", params=[*OURS, *JUDGES])
def make_place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[partial[Place]]:
    with server_of(request.param, tmp_path_factory.mktemp("store")) as make:
        yield make


@pytest.fixture
def place(make_place: partial[Place]) -> Place:
    return make_place()


def test_all_files_of_a_delivery_are_read(place: Place) -> None:
    place.deliver(["1", "2", "3"], files=2)
    assert place.read() == 3


def test_files_without_rows_are_read(place: Place) -> None:
    place.deliver([])
    assert place.read() == 0
    place.put(place.deliver(["1", "2"], files=2)[1], b"")
    place.manifest_of(place.deliver(["1"]))
    assert place.read() == 1


def test_a_missing_file_is_named(place: Place) -> None:
    _, second = place.deliver(["1", "2"], files=2)
    place.remove(second)
    with pytest.raises(SourceRewritten, match=f"names {second}, which is not there"):
        place.read()


def test_a_truncated_file_is_refused_by_name(place: Place) -> None:
    (key,) = place.deliver(["1"] * 3000)
    store = place.files().store
    found = store.find(key)
    assert found is not None
    place.put(key, store.open(found, start=0, end=found.size - 100).read(found.size))
    place.manifest_of([key])
    with pytest.raises(StepRefused, match=f"{key} of .+ cannot be read to its end"):
        place.read()


@pytest.mark.parametrize("part", ["file", "manifest"])
def test_a_delivery_that_changes_while_it_is_read_is_refused(place: Place, part: str) -> None:
    keys = place.deliver(["1", "2"], files=2)
    files = place.files()
    batches = files.batches(files.changed({}))
    assert next(batches).num_rows == 1
    if part == "file":
        place.put(keys[1], b"another content")
    else:
        place.manifest_of(keys)
    with pytest.raises(SourceRewritten, match="changed or went away" if part == "file" else "was delivered anew"):
        list(batches)


@pytest.mark.parametrize(
    "key",
    [
        "exports/../private/file.csv.gz",
        "exports-other/file.csv.gz",
        "exports/",
        "exports/file\n.csv.gz",
        "s3://another-bucket/exports/file.csv.gz",
        "https://another.example.com/exports/file.csv.gz",
    ],
)
def test_a_manifest_that_points_elsewhere_is_refused(place: Place, key: str) -> None:
    place.put("private/file.csv.gz", b"x")
    place.deliver(["1"])
    place.manifest_of([key])
    with pytest.raises(StepRefused, match=r"it is not read|of another bucket"):
        place.read()


@pytest.mark.parametrize("key", ["exports/%2e%2e/private/file.csv.gz", "exports//private/file.csv.gz"])
def test_a_name_that_another_program_would_resolve_is_another_file(place: Place, key: str) -> None:
    place.put("private/file.csv.gz", b"x")
    place.deliver(["1"])
    place.manifest_of([key])
    with pytest.raises(SourceRewritten, match="which is not there"):
        place.read()


def test_a_place_without_a_delivery_is_named(place: Place) -> None:
    place.put("private/file.csv.gz", b"x")
    with pytest.raises(SourceNotFound, match="has neither a manifest of a"):
        place.read()
