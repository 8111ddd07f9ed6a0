"""A role of AWS, and the meaning of its refusals. tests/stores/test_s3_reading.py has the reading of buckets."""

from __future__ import annotations

import gzip
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError
from werkzeug.wrappers import Request, Response

from devcloud.objects import S3, Buckets
from shared.adapters.aws.s3 import open_bucket, open_cloud_storage, translated
from shared.connectors.objects.object_file import ObjectFile
from shared.domain.credentials.credentials import AwsAccessKey, AwsRole, FocusHmacKey
from shared.errors import (
    ConvergenceError,
    CredentialsRejected,
    SourceNotFound,
    SourceThrottled,
    StepFailed,
    Unavailable,
)
from tests.support.local_s3 import REGION, LocalS3, local_s3


@pytest.fixture(scope="module")
def s3() -> Iterator[LocalS3]:
    with local_s3() as started:
        yield started


@pytest.fixture(scope="module")
def bucket(s3: LocalS3) -> str:
    """A bucket with an object below exports/."""
    name = f"bills-{uuid.uuid4().hex[:12]}"
    s3.make_bucket(name)
    s3.put(name, "exports/cur/file", b"")
    return name


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
        ("AssumeRoleWithWebIdentity", "RegionDisabledException", 403, CredentialsRejected),
        ("AssumeRoleWithWebIdentity", "ExpiredTokenException", 400, Unavailable),
        ("AssumeRoleWithWebIdentity", "IDPCommunicationError", 400, Unavailable),
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


def test_an_archived_object_is_told_as_one(s3: LocalS3, bucket: str) -> None:
    s3.client.put_object(Bucket=bucket, Key="archive/file", Body=b"content", StorageClass="GLACIER")
    credential = AwsAccessKey.model_validate(s3.credentials(bucket, "archive")["credentials"])
    store = open_bucket(credential, str, endpoint=s3.endpoint, sts_endpoint=s3.endpoint)
    (found,) = store.list()
    with pytest.raises(SourceNotFound, match="archive/file is archived; restore it"):
        store.open(found, start=0, end=7)


def test_a_key_that_may_not_decrypt_names_that_permission() -> None:
    message = "User: arn:aws:iam::123456789012:role/r is not authorized to perform: kms:Decrypt on the resource"
    answer = {"Error": {"Code": "AccessDenied", "Message": message}, "ResponseMetadata": {"HTTPStatusCode": 403}}
    needed = "grant kms:Decrypt on the key of the bucket"
    with pytest.raises(SourceNotFound, match=needed), translated("s3://bills/x", grant="s3:GetObject"):
        raise ClientError(answer, "GetObject")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("AccessDenied", "its trust policy must name the platform and the tenant's audience"),
        ("InvalidIdentityToken", "delete the account's own identity provider for accounts.google.com"),
        ("RegionDisabledException", "activate STS in the credential's region"),
    ],
)
def test_refusal_of_a_role_says_what_to_change(code: str, words: str) -> None:
    answer = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": 403}}
    with pytest.raises(CredentialsRejected, match=words), translated("s3://bills/", grant="s3:GetObject"):
        raise ClientError(answer, "AssumeRoleWithWebIdentity")


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


@pytest.mark.parametrize(("refusals", "is_read"), [(3, True), (4, False)])
def test_an_s3_that_asks_to_slow_down_is_asked_again_and_then_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusals: int, *, is_read: bool
) -> None:
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))
    service = BusyS3(Buckets(tmp_path), refusals)
    key = service.buckets.make("bills", "AKIA00000000BUSYKEY0")
    service.buckets.put("bills", "exports/file", b"content")
    service.start()
    try:
        fields = {"access_key_id": key.id, "secret_access_key": key.secret, "region": REGION}
        credential = AwsAccessKey.model_validate(fields | {"bucket": "bills", "prefix": "exports"})
        store = open_bucket(credential, str, endpoint=service.url, sts_endpoint="")
        if is_read:
            assert [found.key for found in store.list()] == ["exports/file"]
        else:
            with pytest.raises(SourceThrottled, match="S3 asks to slow down"):
                list(store.list())
        assert service.refusals == 0
    finally:
        service.stop()


def test_a_file_of_gzip_in_cloud_storage_is_read_as_it_is_stored(tmp_path: Path) -> None:
    service, packed = UnpackingS3(Buckets(tmp_path)), gzip.compress(bytes(range(256)) * 40)
    key = service.buckets.make("bills", "GOOG1E00000000000000")
    service.buckets.put("bills", "focus/file.csv.gz", packed)
    service.start()
    try:
        fields = {"hmac_access_id": key.id, "hmac_secret": key.secret, "bucket": "bills", "prefix": "focus"}
        store = open_cloud_storage(FocusHmacKey.model_validate(fields), endpoint=service.url)
        (found,) = store.list()
        assert ObjectFile(store, found).read() == packed
    finally:
        service.stop()


class UnpackingS3(S3):
    """devcloud's S3, which unpacks gzip as Cloud Storage does for a caller that does not accept it."""

    def _answer(self, request: Request) -> Response:
        answer = super()._answer(request)
        if request.path.endswith(".gz") and request.headers.get("Accept-Encoding") != "gzip":
            return Response(bytes(range(256)) * 40)
        return answer


class BusyS3(S3):
    """devcloud's S3, which refuses its first requests."""

    def __init__(self, buckets: Buckets, refusals: int) -> None:
        super().__init__(buckets)
        self.refusals = refusals

    def _answer(self, request: Request) -> Response:
        if self.refusals:
            self.refusals -= 1
            return Response("<Error><Code>SlowDown</Code><Message>busy</Message></Error>", status=503)
        return super()._answer(request)
