"""A role of AWS, and the meaning of its refusals. tests/stores/test_s3_reading.py has the reading of buckets."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from shared.adapters.aws.s3 import open_bucket, translated
from shared.domain.credentials.credentials import AwsRole
from shared.errors import (
    ConvergenceError,
    CredentialsRejected,
    SourceNotFound,
    SourceThrottled,
    StepFailed,
    Unavailable,
)
from tests.support.local_s3 import LocalS3, local_s3


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
