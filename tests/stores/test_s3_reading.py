"""A bucket as an object store, on each S3 that there is: moto's, devcloud's own, and SeaweedFS's program (a judge)."""

from __future__ import annotations

import gzip
import uuid
from collections.abc import Iterator

import pytest

from shared.adapters import listings
from shared.adapters.aws.s3 import S3Bucket, open_bucket
from shared.connectors.objects.object_file import ObjectFile
from shared.domain.credentials.credentials import AwsAccessKey
from shared.errors import CredentialsRejected, SourceNotFound, SourceRewritten
from tests.support.stores.s3_servers import S3Server, s3_server
from tests.support.stores.written_by_boto import PART_BYTES

CONTENT = bytes(range(256)) * 40
ODD = "exports/a b+c=d%2e/ü&1.csv"


@pytest.fixture(scope="module", params=["moto", "devcloud", pytest.param("seaweedfs", marks=pytest.mark.judge)])
def s3(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_server(request.param, tmp_path_factory.mktemp(request.param)) as started:
        yield started


@pytest.fixture(scope="module")
def bucket(s3: S3Server) -> str:
    """A bucket with an object below exports/ and others beside it; tests add objects of their own."""
    name = f"bills-{uuid.uuid4().hex[:12]}"
    s3.make_bucket(name)
    for key in ("exports/cur/file", "exports-other/file"):
        s3.put(name, key, CONTENT)
    return name


def opened(s3: S3Server, bucket: str, prefix: str = "exports", **other: str) -> S3Bucket:
    credential = AwsAccessKey(**s3.credentials(bucket, prefix, **other)["credentials"])
    return open_bucket(credential, str, endpoint=s3.endpoint, sts_endpoint=s3.endpoint)


@pytest.mark.parametrize("prefix", ["exports", "/exports/", "exports/"])
def test_a_prefix_means_a_folder_with_or_without_slashes(s3: S3Server, bucket: str, prefix: str) -> None:
    assert [found.key for found in opened(s3, bucket, prefix).list("cur")] == ["exports/cur/file"]
    assert {found.key for found in opened(s3, bucket, prefix).list()} == {"exports/cur/file"}


def test_a_listing_may_have_more_than_a_thousand_objects(s3: S3Server, bucket: str) -> None:
    keys = [f"many/{number:04d}" for number in range(1001)]
    s3.put_at_once(bucket, keys)
    assert [item.key for item in opened(s3, bucket, "many").list()] == keys


def test_a_listing_of_too_many_objects_is_refused_and_the_message_says_what_to_change(
    s3: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        s3.put(bucket, f"crowd/{number}", b"")
    monkeypatch.setattr(listings, "MAX_OBJECTS", 2)
    with pytest.raises(SourceNotFound, match=r"crowd/ has too many objects.+Let the credential's prefix name"):
        list(opened(s3, bucket, "crowd").list())


@pytest.mark.parametrize("by_ranges", [True, False])
def test_an_object_is_read_unless_it_was_replaced(s3: S3Server, bucket: str, *, by_ranges: bool) -> None:
    store, key = opened(s3, bucket, "changing"), f"changing/{by_ranges}"
    s3.put(bucket, key, CONTENT)
    (found,) = store.list(str(by_ranges))
    file = ObjectFile(store, found, by_ranges=by_ranges)
    file.seek(100)
    assert file.read(1000) + file.read() == CONTENT[100:]
    assert store.find(key) == found
    s3.put(bucket, key, CONTENT[::-1])
    with pytest.raises(SourceRewritten):
        ObjectFile(store, found, by_ranges=by_ranges).read(10)
    s3.remove(bucket, key)
    with pytest.raises(SourceRewritten):
        ObjectFile(store, found, by_ranges=by_ranges).read(10)
    assert store.find(key) is None


def test_an_object_that_was_written_again_with_the_same_bytes_is_the_same(s3: S3Server, bucket: str) -> None:
    store, key = opened(s3, bucket, "again"), "again/file"
    s3.put(bucket, key, CONTENT)
    (found,) = store.list()
    s3.put(bucket, key, CONTENT)
    assert [item.etag for item in store.list()] == [found.etag]
    assert store.open(found, start=0, end=10).read(10) == CONTENT[:10]


def test_a_key_with_signs_that_mean_something_in_a_url_is_read(s3: S3Server, bucket: str) -> None:
    s3.put(bucket, f"odd/{ODD}", CONTENT)
    store = opened(s3, bucket, "odd")
    (found,) = store.list()
    assert found.key == f"odd/{ODD}"
    assert store.find(found.key) == found
    assert ObjectFile(store, found).read() == CONTENT


def test_a_large_object_that_was_written_in_parts_is_read_in_one_version(s3: S3Server, bucket: str) -> None:
    large = CONTENT * (2 * PART_BYTES // len(CONTENT) + 1)
    s3.put_in_parts(bucket, "large/file", large)
    store = opened(s3, bucket, "large")
    (found,) = store.list()
    assert (found.size, store.find(found.key)) == (len(large), found)
    assert ObjectFile(store, found).read() == large
    assert store.open(found, start=PART_BYTES - 5, end=PART_BYTES + 5).read(10) == large[PART_BYTES - 5 :][:10]
    s3.put_in_parts(bucket, "large/file", large[1:] + b"x")
    with pytest.raises(SourceRewritten):
        store.open(found, start=0, end=10)


def test_an_object_of_gzip_that_says_so_is_read_as_it_is_stored(s3: S3Server, bucket: str) -> None:
    packed = gzip.compress(CONTENT)
    s3.put_encoded(bucket, "encoded/file.csv.gz", packed)
    store = opened(s3, bucket, "encoded")
    (found,) = store.list()
    assert ObjectFile(store, found).read() == packed
    assert store.open(found, start=10, end=20).read(10) == packed[10:20]


def test_an_empty_object_and_an_empty_prefix_are_no_errors(s3: S3Server, bucket: str) -> None:
    assert list(opened(s3, bucket, "nothing").list()) == []
    s3.put(bucket, "empty/file", b"")
    store = opened(s3, bucket, "empty")
    (found,) = store.list()
    assert (found.size, ObjectFile(store, found).read()) == (0, b"")


@pytest.mark.parametrize(
    "key", ["exports-other/file", "exports", "exports/../exports-other/file", "exports/./cur/file", "other"]
)
def test_an_object_outside_the_prefix_is_not_requested(s3: S3Server, bucket: str, key: str) -> None:
    with pytest.raises(SourceNotFound, match="it is not read"):
        opened(s3, bucket).find(key)


@pytest.mark.parametrize("key", ["exports/%2e%2e/exports-other/file", "exports/..%2fexports-other/file"])
def test_a_key_that_is_a_path_after_decoding_is_another_key(s3: S3Server, bucket: str, key: str) -> None:
    assert opened(s3, bucket).find(key) is None


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"secret_access_key": "x" * 40}, "SignatureDoesNotMatch"),
        ({"access_key_id": "AKIAABCDEFGHIJKLMNOP"}, "InvalidAccessKeyId"),
    ],
)
def test_a_wrong_key_is_refused(s3: S3Server, bucket: str, other: dict[str, str], words: str) -> None:
    with pytest.raises(CredentialsRejected, match=words):
        list(opened(s3, bucket, **other).list())


def test_a_missing_bucket_is_named(s3: S3Server) -> None:
    with pytest.raises(SourceNotFound, match="s3://no-such-bucket/exports/: there is no such bucket"):
        list(opened(s3, "no-such-bucket").list())


def test_a_key_without_the_grant_names_the_permission(s3: S3Server, bucket: str) -> None:
    store = opened(s3, bucket, **s3.stranger)
    with pytest.raises(SourceNotFound, match="grant s3:ListBucket on the bucket"):
        list(store.list())
    (found,) = opened(s3, bucket).list("cur")
    with pytest.raises(SourceNotFound, match="grant s3:GetObject on the prefix"):
        store.open(found, start=0, end=10)


def test_the_region_of_a_credential_need_not_be_the_buckets(s3: S3Server, bucket: str) -> None:
    assert [item.key for item in opened(s3, bucket, region="us-east-1").list()] == ["exports/cur/file"]
