"""A container as an object store, on each Blob storage that there is: devcloud's own, and Azurite (a judge)."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator
from functools import partialmethod
from typing import Any

import pytest
from azure.storage.blob import ContainerClient

from shared.adapters import listings
from shared.adapters.azure.blobs import BlobContainer, open_container
from shared.connectors.objects.object_file import ObjectFile
from shared.domain.credentials.credentials import AzureClientSecret
from shared.errors import CredentialsRejected, SourceNotFound, SourceRewritten
from tests.support.local_blobs import CLIENT
from tests.support.stores.blob_servers import BlobServer, blob_server

CONTENT = bytes(range(256)) * 40
ODD = "exports/a b+c=d%2e/ü&1.csv"


@pytest.fixture(scope="module", params=["devcloud", pytest.param("azurite", marks=pytest.mark.judge)])
def azure(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BlobServer]:
    folder = tmp_path_factory.mktemp(request.param)
    with blob_server(request.param, folder) as started, pytest.MonkeyPatch.context() as patch:
        patch.setenv("REQUESTS_CA_BUNDLE", str(started.certificate))
        yield started


@pytest.fixture(scope="module")
def container(azure: BlobServer) -> str:
    """A container with a blob below exports/ and others beside it; tests add blobs of their own."""
    name = azure.make_container()
    for key in ("exports/costs/file", "exports-other/file", "exports"):
        azure.put(name, key, CONTENT)
    return name


def opened(azure: BlobServer, container: str, prefix: str = "exports", **other: str) -> BlobContainer:
    credential = AzureClientSecret(**azure.credentials(container, prefix, **other)["credentials"])
    return open_container(credential, str, endpoint=azure.endpoint, authority=azure.authority)


@pytest.mark.parametrize("prefix", ["exports", "/exports/", "exports/"])
def test_a_prefix_is_a_folder_whatever_its_slashes(azure: BlobServer, container: str, prefix: str) -> None:
    assert [found.key for found in opened(azure, container, prefix).list("costs")] == ["exports/costs/file"]
    assert {found.key for found in opened(azure, container, prefix).list()} == {"exports/costs/file"}


def test_a_listing_may_have_more_than_a_thousand_blobs(
    azure: BlobServer, container: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Azure lists 5,000 blobs a page, and as many as a request asks for if these are fewer.
    monkeypatch.setattr(ContainerClient, "list_blobs", partialmethod(ContainerClient.list_blobs, results_per_page=400))
    keys = [f"many/{number:04d}" for number in range(1001)]
    azure.put_at_once(container, keys)
    assert [item.key for item in opened(azure, container, "many").list()] == keys


def test_a_listing_of_too_many_blobs_is_refused_and_the_message_says_what_to_change(
    azure: BlobServer, container: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        azure.put(container, f"crowd/{number}", b"")
    monkeypatch.setattr(listings, "MAX_OBJECTS", 2)
    with pytest.raises(SourceNotFound, match=r"crowd/ has too many objects.+Let the credential's prefix name"):
        list(opened(azure, container, "crowd").list())


@pytest.mark.parametrize("by_ranges", [True, False])
def test_a_blob_is_found_and_read_as_it_was_listed(azure: BlobServer, container: str, *, by_ranges: bool) -> None:
    store = opened(azure, container)
    (listed,) = store.list()
    assert store.find(listed.key) == listed
    with ObjectFile(store, listed, by_ranges=by_ranges) as file:
        file.seek(1000)
        assert file.read(5000) + file.read() == CONTENT[1000:]


def test_a_blob_that_changed_or_went_away_is_not_read(azure: BlobServer, container: str) -> None:
    azure.put(container, "changing/file", CONTENT)
    store = opened(azure, container, "changing")
    (listed,) = store.list()
    azure.put(container, "changing/file", CONTENT)
    with pytest.raises(SourceRewritten, match="changed or went away"):
        store.open(listed, start=0, end=10)
    azure.remove(container, "changing/file")
    with pytest.raises(SourceRewritten, match="changed or went away"):
        store.open(listed, start=0, end=10)
    assert store.find(listed.key) is None


def test_a_large_blob_is_read_in_parts_of_one_version(
    azure: BlobServer, container: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.adapters.azure.blobs._CHUNK_BYTES", 1000)
    azure.put(container, "large/file", CONTENT)
    store = opened(azure, container, "large")
    (listed,) = store.list()
    body = store.open(listed, start=0, end=len(CONTENT))
    assert body.read(5000) == CONTENT[:5000]
    azure.put(container, "large/file", CONTENT)
    with pytest.raises(SourceRewritten, match="changed or went away"):
        body.read(5000)


def test_a_blob_of_several_downloads_is_read_whole(azure: BlobServer, container: str) -> None:
    large = CONTENT * 1000
    azure.put(container, "whole/file", large)
    store = opened(azure, container, "whole")
    (found,) = store.list()
    assert (found.size, ObjectFile(store, found).read()) == (len(large), large)


def test_a_blob_of_gzip_that_says_so_is_read_as_it_is_stored(
    azure: BlobServer, container: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.adapters.azure.blobs._CHUNK_BYTES", 1000)
    packed = gzip.compress(b"".join(hashlib.sha256(bytes([number])).digest() for number in range(125)))
    azure.put_encoded(container, "encoded/file.csv.gz", packed)
    store = opened(azure, container, "encoded")
    (found,) = store.list()
    assert ObjectFile(store, found).read() == packed
    assert store.open(found, start=10, end=20).read(10) == packed[10:20]


def test_a_key_with_signs_that_mean_something_in_a_url_is_read(azure: BlobServer, container: str) -> None:
    azure.put(container, f"odd/{ODD}", CONTENT)
    store = opened(azure, container, "odd")
    (found,) = store.list()
    assert found.key == f"odd/{ODD}"
    assert store.find(found.key) == found
    assert ObjectFile(store, found).read() == CONTENT


def test_an_empty_blob_and_an_empty_prefix_are_no_errors(azure: BlobServer, container: str) -> None:
    assert list(opened(azure, container, "nothing").list()) == []
    azure.put(container, "empty/file", b"")
    store = opened(azure, container, "empty")
    (found,) = store.list()
    assert (found.size, ObjectFile(store, found).read()) == (0, b"")


@pytest.mark.parametrize("key", ["other/file", "exports", "exports/../exports-other/file", "exports/./costs/file"])
def test_a_key_outside_the_prefix_is_never_asked_for(azure: BlobServer, container: str, key: str) -> None:
    with pytest.raises(SourceNotFound, match="it is not read"):
        opened(azure, container).find(key)


@pytest.mark.parametrize("key", ["exports/%2e%2e/exports-other/file", "exports/..%2fexports-other/file"])
def test_a_key_that_is_a_path_after_decoding_is_another_key(azure: BlobServer, container: str, key: str) -> None:
    assert opened(azure, container).find(key) is None


def test_an_application_without_its_secret_reads_nothing(azure: BlobServer, container: str) -> None:
    with pytest.raises(CredentialsRejected, match="AADSTS7000215: Invalid client secret"):
        list(opened(azure, container, client_secret="x" * 20).list())
    with pytest.raises(CredentialsRejected, match="AADSTS90002"):
        list(opened(azure, container, tenant_id=CLIENT).list())


@pytest.mark.parametrize(
    "claims",
    [{"exp": 1_700_000_000}, {"aud": "https://graph.microsoft.com"}, {"iss": "https://sts.example.com/directory/"}],
    ids=["expired", "another audience", "another issuer"],
)
def test_a_token_that_is_not_for_the_storage_is_refused(
    azure: BlobServer, container: str, monkeypatch: pytest.MonkeyPatch, claims: dict[str, Any]
) -> None:
    for name, value in claims.items():
        monkeypatch.setitem(azure.claims, name, value)
    with pytest.raises(CredentialsRejected, match="Azure refuses the application's token"):
        list(opened(azure, container).list())


def test_a_missing_container_is_named(azure: BlobServer) -> None:
    with pytest.raises(
        SourceNotFound, match="azure://acmecosts/no-such-container/exports/: there is no such container"
    ):
        list(opened(azure, "no-such-container").list())
