"""devcloud's S3 answers boto3 as AWS does: signatures, pages, ranges, ETags, and nobody reads another's bucket."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
import requests
from botocore.exceptions import ClientError

from devcloud.objects import S3, Buckets

CONTENT = bytes(range(256)) * 4
KEY = "exports/a b+c=d/ü&1.csv"


@dataclass(frozen=True)
class Local:
    """A running S3 with two buckets, and the client of each bucket's reader."""

    s3: S3
    buckets: Buckets

    def client(self, bucket: str, **wrong: str) -> Any:
        reader = self.buckets.make(bucket, f"AKIA{bucket.upper()}")
        keys = {"aws_access_key_id": reader.id, "aws_secret_access_key": reader.secret, **wrong}
        return boto3.client("s3", endpoint_url=self.s3.url, region_name="eu-central-1", **keys)


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    buckets = Buckets(tmp_path_factory.mktemp("s3"))
    s3 = S3(buckets, page_size=2)
    s3.start()
    found = Local(s3, buckets)
    for bucket in ("mine", "theirs"):
        found.client(bucket)
        buckets.put(bucket, KEY, CONTENT)
    yield found
    s3.stop()


def test_a_listing_has_pages_and_names_keys_as_they_are(local: Local) -> None:
    client, keys = local.client("mine"), [KEY, *(f"exports/more/{number}" for number in range(4))]
    for key in keys[1:]:
        local.buckets.put("mine", key, b"")
    pages = list(client.get_paginator("list_objects_v2").paginate(Bucket="mine", Prefix="exports/"))
    assert [item["Key"] for page in pages for item in page["Contents"]] == sorted(keys)
    assert [len(page["Contents"]) for page in pages] == [2, 2, 1]


def test_an_object_is_read_in_ranges_of_the_version_that_was_listed(local: Local) -> None:
    client = local.client("mine")
    local.buckets.put("mine", "changing", CONTENT)
    etag = client.head_object(Bucket="mine", Key="changing")["ETag"]
    part = client.get_object(Bucket="mine", Key="changing", IfMatch=etag, Range="bytes=10-19")
    assert part["Body"].read() == CONTENT[10:20]
    assert part["ContentRange"] == f"bytes 10-19/{len(CONTENT)}"
    assert client.get_object(Bucket="mine", Key=KEY)["Body"].read() == CONTENT
    local.buckets.put("mine", "changing", CONTENT[::-1])
    assert refusal(client, Bucket="mine", Key="changing", IfMatch=etag) == "PreconditionFailed"
    assert refusal(client, Bucket="mine", Key="no such key") == "NoSuchKey"


def test_only_the_owner_of_a_buckets_key_reads_it(local: Local) -> None:
    assert refusal(local.client("mine"), Bucket="theirs", Key=KEY) == "AccessDenied"
    assert refusal(local.client("mine"), Bucket="nobodys", Key=KEY) == "NoSuchBucket"
    forged = local.client("theirs", aws_secret_access_key="x" * 40)
    assert refusal(forged, Bucket="theirs", Key=KEY) == "SignatureDoesNotMatch"
    unknown = local.client("theirs", aws_access_key_id="AKIANOBODY")
    assert refusal(unknown, Bucket="theirs", Key=KEY) == "InvalidAccessKeyId"
    assert requests.get(f"{local.s3.url}/theirs/{KEY}", timeout=10).status_code == 403


def test_a_request_for_another_region_is_sent_to_the_buckets(local: Local) -> None:
    client = local.client("mine")
    far = boto3.client(
        "s3",
        endpoint_url=local.s3.url,
        region_name="us-east-1",
        aws_access_key_id="AKIAMINE",
        aws_secret_access_key=local.buckets.make("mine", "AKIAMINE").secret,
    )
    answers: list[int] = []
    far.meta.events.register(
        "response-received.s3", lambda response_dict, **_: answers.append(response_dict["status_code"])
    )
    assert far.head_object(Bucket="mine", Key=KEY)["ETag"] == client.head_object(Bucket="mine", Key=KEY)["ETag"]
    assert answers[0] == 400
    assert answers[-1] == 200


def refusal(client: Any, **asked: str) -> str:
    with pytest.raises(ClientError) as raised:
        client.get_object(**asked)
    return str(raised.value.response["Error"]["Code"])


def test_no_role_trusts_anybody(local: Local) -> None:
    sts = boto3.client("sts", endpoint_url=local.s3.url, region_name="eu-central-1")
    role = "arn:aws:iam::123456789012:role/reader"
    with pytest.raises(ClientError, match="AccessDenied"):
        sts.assume_role_with_web_identity(RoleArn=role, RoleSessionName="devcloud", WebIdentityToken="a.b.c")
