"""The S3 object store, tested against a server that checks signatures and policies."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from shared.adapters import listings
from shared.adapters.aws.s3 import S3Bucket, open_bucket, translated
from shared.connectors.objects.object_file import ObjectFile
from shared.domain.credentials.credentials import AwsAccessKey, AwsRole
from shared.errors import (
    ConvergenceError,
    CredentialsRejected,
    SourceNotFound,
    SourceRewritten,
    SourceThrottled,
    StepFailed,
    Unavailable,
)
from tests.support.local_s3 import LocalS3, local_s3

CONTENT = bytes(range(256)) * 40


@pytest.fixture(scope="module")
def s3() -> Iterator[LocalS3]:
    with local_s3() as started:
        yield started


@pytest.fixture(scope="module")
def bucket(s3: LocalS3) -> str:
    """A bucket with an object below exports/ and others beside it; tests add objects of their own."""
    name = f"bills-{uuid.uuid4().hex[:12]}"
    s3.make_bucket(name)
    for key in ("exports/cur/file", "exports-other/file", "exports", "exports/../file"):
        s3.put(name, key, CONTENT)
    return name


def opened(s3: LocalS3, bucket: str, prefix: str = "exports", **other: str) -> S3Bucket:
    credential = AwsAccessKey(**s3.credentials(bucket, prefix, **other)["credentials"])
    return open_bucket(credential, str, endpoint=s3.endpoint, sts_endpoint=s3.endpoint)


@pytest.mark.parametrize("prefix", ["exports", "/exports/", "exports/"])
def test_a_prefix_means_a_folder_with_or_without_slashes(s3: LocalS3, bucket: str, prefix: str) -> None:
    assert [found.key for found in opened(s3, bucket, prefix).list("cur")] == ["exports/cur/file"]
    assert {found.key for found in opened(s3, bucket, prefix).list()} == {"exports/cur/file"}


def test_a_listing_may_have_more_than_a_thousand_objects(s3: LocalS3, bucket: str) -> None:
    s3.put_at_once(bucket, [f"many/{number:04d}" for number in range(1001)])
    found = list(opened(s3, bucket, "many").list())
    assert [item.key for item in found] == [f"many/{number:04d}" for number in range(1001)]


def test_a_listing_of_too_many_objects_is_refused_with_what_to_change(
    s3: LocalS3, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3.put_at_once(bucket, [f"crowd/{number}" for number in range(3)])
    monkeypatch.setattr(listings, "MOST_OBJECTS", 2)
    with pytest.raises(SourceNotFound, match=r"crowd/ has too many objects.+Let the credential's prefix name"):
        list(opened(s3, bucket, "crowd").list())


@pytest.mark.parametrize("by_ranges", [True, False])
def test_an_object_is_read_unless_it_was_replaced(s3: LocalS3, bucket: str, *, by_ranges: bool) -> None:
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
    s3.client.delete_object(Bucket=bucket, Key=key)
    with pytest.raises(SourceRewritten):
        ObjectFile(store, found, by_ranges=by_ranges).read(10)
    assert store.find(key) is None


@pytest.mark.parametrize("key", ["exports-other/file", "exports", "exports/../file", "other"])
def test_an_object_outside_the_prefix_is_not_requested(s3: LocalS3, bucket: str, key: str) -> None:
    with pytest.raises(SourceNotFound, match="it is not read"):
        opened(s3, bucket).find(key)


@pytest.mark.parametrize(
    ("other", "kind", "words"),
    [
        ({"secret_access_key": "x" * 40}, CredentialsRejected, "SignatureDoesNotMatch"),
        ({"access_key_id": "AKIAABCDEFGHIJKLMNOP"}, CredentialsRejected, "InvalidAccessKeyId"),
    ],
)
def test_a_refusal_says_what_is_wrong(
    s3: LocalS3, bucket: str, other: dict[str, str], kind: type[ConvergenceError], words: str
) -> None:
    with pytest.raises(kind, match=words):
        list(opened(s3, bucket, **other).list())


def test_a_missing_bucket_is_named(s3: LocalS3) -> None:
    with pytest.raises(SourceNotFound, match="s3://no-such-bucket/exports/: there is no such bucket"):
        list(opened(s3, "no-such-bucket").list())


def test_a_key_without_the_grant_names_the_permission(s3: LocalS3, bucket: str) -> None:
    with pytest.raises(SourceNotFound, match="grant s3:ListBucket on the bucket"):
        list(opened(s3, bucket, **s3.stranger).list())


def test_a_role_is_assumed_with_the_platforms_token_and_may_read(s3: LocalS3, bucket: str) -> None:
    asked: list[str] = []

    def token() -> str:
        asked.append("token")
        return "a.web.token"

    credential = AwsRole(**s3.keyless(bucket, "exports")["credentials"])
    store = open_bucket(credential, token, endpoint=s3.endpoint, sts_endpoint=s3.endpoint)
    assert asked == []
    s3.let_one_in()
    assert [found.key for found in store.list()] == ["exports/cur/file"]
    assert asked == ["token"]


@pytest.mark.parametrize(
    ("operation", "code", "status", "kind"),
    [
        ("GetObject", "SlowDown", 503, SourceThrottled),
        ("GetObject", "InternalError", 500, Unavailable),
        ("GetObject", "AccessDenied", 403, SourceNotFound),
        ("GetObject", "UserProjectAccountProblem", 403, SourceNotFound),
        ("GetObject", "RequestTimeTooSkewed", 403, StepFailed),
        ("ListObjectsV2", "InvalidSecurity", 403, CredentialsRejected),
        ("ListObjectsV2", "ExpiredToken", 400, CredentialsRejected),
        ("AssumeRoleWithWebIdentity", "AccessDenied", 403, CredentialsRejected),
        ("AssumeRoleWithWebIdentity", "InvalidIdentityToken", 400, CredentialsRejected),
        ("AssumeRoleWithWebIdentity", "Throttling", 400, SourceThrottled),
        ("AssumeRoleWithWebIdentity", "InternalFailure", 500, Unavailable),
    ],
)
def test_an_answer_of_aws_ends_a_run_or_lets_it_be_tried_again(
    operation: str, code: str, status: int, kind: type[ConvergenceError]
) -> None:
    answer = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    with pytest.raises(kind), translated("s3://bills/exports/", grant="s3:GetObject"):
        raise ClientError(answer, operation)


@pytest.mark.parametrize(
    ("code", "status", "message"),
    [
        ("SignatureDoesNotMatch", 403, r"^Google Cloud refuses the access key \(SignatureDoesNotMatch\)"),
        ("UserProjectMissing", 400, "^gs://bills/focus/: Cloud Storage answered UserProjectMissing"),
    ],
)
def test_a_refusal_of_cloud_storage_does_not_name_aws(code: str, status: int, message: str) -> None:
    answer = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    with pytest.raises(ConvergenceError, match=message), translated("gs://bills/focus/", grant="storage.objects.list"):
        raise ClientError(answer, "ListObjectsV2")
