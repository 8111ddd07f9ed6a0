"""What credentials/setup gives to paste at AWS, evaluated by ministack's IAM: who may assume the role, and read what.

ministack knows the condition keys :sub and :aud, and fills :aud from a token's `aud`. AWS calls that :oaud. So the
trust policy is judged with the one word replaced, and as it is, it must let nobody in there.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from shared.adapters.aws.s3 import S3Bucket, open_bucket
from shared.domain.credentials.credentials import AwsRole
from shared.errors import CredentialsRejected, SourceNotFound
from tests.support.local_s3 import REGION
from tests.support.stores.google_issuer import GUIDE, GoogleIssuer, google_issuer
from tests.support.stores.ministack import Ministack, ministack

pytestmark = pytest.mark.judge
AUDIENCE = str(GUIDE.audience)
TRUST, READ, DECRYPT = (step.paste for step in GUIDE.steps)
KNOWN_THERE = TRUST.replace(":oaud", ":aud")


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ministack]:
    with ministack(tmp_path_factory.mktemp("ministack")) as started:
        yield started


@pytest.fixture(scope="module")
def issuer() -> Iterator[GoogleIssuer]:
    with google_issuer() as started:
        yield started


@pytest.fixture(scope="module")
def bucket(aws: Ministack) -> str:
    name, client = f"bills-{uuid.uuid4().hex[:12]}", aws.client("s3")
    client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    for key in ("exports/cur/file", "exports-other/file", "file"):
        client.put_object(Bucket=name, Key=key, Body=b"content")
    return name


@pytest.fixture(scope="module")
def make_role(aws: Ministack, bucket: str) -> Callable[[str], str]:
    """Makes a role with a trust policy, and the permission policy of the guide with its names in capitals replaced."""

    def make(trust: str) -> str:
        iam, name = aws.client("iam"), f"reader-{uuid.uuid4().hex[:8]}"
        arn = str(iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"])
        read = json.loads(READ.replace("BUCKET", bucket).replace("PREFIX", "exports"))
        read["Statement"].append(json.loads(DECRYPT.replace("ACCOUNT", "123456789012").replace("REGION", REGION)))
        iam.put_role_policy(RoleName=name, PolicyName="read", PolicyDocument=json.dumps(read))
        return arn

    return make


@pytest.fixture(scope="module")
def role(make_role: Callable[[str], str]) -> str:
    return make_role(KNOWN_THERE)


def opened(aws: Ministack, bucket: str, role: str, token: str, prefix: str = "exports") -> S3Bucket:
    credential = AwsRole(region=REGION, bucket=bucket, prefix=prefix, role_arn=role)
    return open_bucket(credential, lambda: token, endpoint=aws.endpoint, sts_endpoint=aws.endpoint)


def test_the_platforms_worker_reads_below_the_prefix_for_this_tenant(
    aws: Ministack, bucket: str, role: str, issuer: GoogleIssuer
) -> None:
    store = opened(aws, bucket, role, issuer.token(AUDIENCE))
    (found,) = store.list()
    assert found.key == "exports/cur/file"
    assert store.open(found, start=0, end=7).read(7) == b"content"


@pytest.mark.parametrize("prefix", ["exports-other", "other", ""])
def test_the_permission_policy_lets_it_read_nowhere_else(
    aws: Ministack, bucket: str, role: str, issuer: GoogleIssuer, prefix: str
) -> None:
    store = opened(aws, bucket, role, issuer.token(AUDIENCE), prefix)
    with pytest.raises(SourceNotFound, match="grant s3:ListBucket on the bucket"):
        list(store.list())
    with pytest.raises(SourceNotFound, match="grant s3:GetObject on the prefix"):
        store.find(f"{store.prefix}file")


@pytest.mark.parametrize(
    ("audience", "claims"),
    [
        ("convergence:convergence-prod:neighbour", {}),
        ("convergence:another-project:acme", {}),
        (f"{AUDIENCE}2", {}),
        (AUDIENCE, {"sub": "998877665544332211009"}),
        (AUDIENCE, {"iss": "https://example.com"}),
    ],
    ids=["another tenant", "another deployment", "a longer name", "another account", "another issuer"],
)
def test_the_trust_policy_lets_nobody_else_in(
    aws: Ministack, bucket: str, role: str, issuer: GoogleIssuer, audience: str, claims: dict[str, Any]
) -> None:
    with pytest.raises(CredentialsRejected, match=r"AWS does not let the platform assume the role \(AccessDenied\)"):
        list(opened(aws, bucket, role, issuer.token(audience, **claims)).list())


def test_a_cloud_that_does_not_know_the_condition_key_lets_nobody_in(
    aws: Ministack, bucket: str, make_role: Callable[[str], str], issuer: GoogleIssuer
) -> None:
    pasted = make_role(TRUST)
    with pytest.raises(CredentialsRejected, match=r"\(AccessDenied\)"):
        list(opened(aws, bucket, pasted, issuer.token(AUDIENCE)).list())


def test_the_trust_policy_is_kept_as_it_was_pasted(aws: Ministack, make_role: Callable[[str], str]) -> None:
    name = make_role(TRUST).rpartition("/")[2]
    kept = aws.client("iam").get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    assert kept == json.loads(TRUST)
