"""A local S3 for tests: moto on a loopback port of its own, which checks signatures and IAM policies."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
import requests
from moto.s3.models import s3_backends
from moto.server import ThreadedMotoServer

from tests.support.stores.written_by_boto import WrittenByBoto

Json = dict[str, Any]
REGION = "eu-central-1"
_READ = ["s3:ListBucket", "s3:GetObject"]
_ACCOUNT = "123456789012"  # the account that moto gives to everybody


@dataclass(frozen=True)
class LocalS3(WrittenByBoto):
    """A running S3; `client` may do everything.

    `reader` is the access key of an account that may only read, `stranger` of one that may read nothing.
    """

    endpoint: str
    client: Any
    reader: Json
    stranger: Json
    role_arn: str

    def make_bucket(self, name: str) -> None:
        """Make a bucket in REGION."""
        self.client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})

    def put_at_once(self, bucket: str, keys: Sequence[str]) -> None:
        """Write many empty objects without HTTP, which would take a hundredth of a second for each."""
        for key in keys:
            s3_backends[_ACCOUNT]["aws"].put_object(bucket, key, b"")

    def credentials(self, bucket: str, prefix: str, **other: str) -> Json:
        """Return the body of POST credentials for a prefix. `other` replaces fields of it."""
        content = {"region": REGION, "bucket": bucket, "prefix": prefix, **self.reader, **other}
        return {"provider": "AWS", "credentials": content}

    def let_one_in(self) -> None:
        """Leave the next call unchecked. A caller that assumes a role has no key yet, which moto does not consider."""
        requests.post(f"{self.endpoint}/moto-api/reset-auth", data="1", timeout=10).raise_for_status()

    def keyless(self, bucket: str, prefix: str) -> Json:
        """Return the body of POST credentials for a role that may read. moto lets anybody assume it with any token."""
        content = {"region": REGION, "bucket": bucket, "prefix": prefix, "role_arn": self.role_arn}
        return {"provider": "AWS", "credentials": content}


@contextmanager
def local_s3() -> Iterator[LocalS3]:
    """Start an S3 that checks every call."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a log line for each request would hide a test's own output
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        endpoint = f"http://{host}:{port}"
        requests.post(f"{endpoint}/moto-api/reset", timeout=10).raise_for_status()
        admin = _key_of(endpoint, "admin", ["s3:*"])
        reader = _key_of(endpoint, "reader", _READ)
        role_arn = _make_role(endpoint, "reader", _READ)
        stranger = _key_of(endpoint, "stranger", ["s3:ListAllMyBuckets"])
        requests.post(f"{endpoint}/moto-api/reset-auth", data="0", timeout=10).raise_for_status()
        client = boto3.client(
            "s3",
            endpoint_url=endpoint,
            region_name=REGION,
            aws_access_key_id=admin["access_key_id"],
            aws_secret_access_key=admin["secret_access_key"],
        )
        yield LocalS3(endpoint, client, reader, stranger, role_arn)
    finally:
        requests.post(f"{endpoint}/moto-api/reset-auth", data=str(float("inf")), timeout=10)
        server.stop()


def _key_of(endpoint: str, user: str, actions: list[str]) -> Json:
    client = _iam(endpoint)
    client.create_user(UserName=user)
    client.put_user_policy(UserName=user, PolicyName="all", PolicyDocument=_policy(actions))
    key = client.create_access_key(UserName=user)["AccessKey"]
    return {"access_key_id": key["AccessKeyId"], "secret_access_key": key["SecretAccessKey"]}


def _make_role(endpoint: str, name: str, actions: list[str]) -> str:
    client = _iam(endpoint)
    made = client.create_role(RoleName=name, AssumeRolePolicyDocument="{}")["Role"]
    client.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=_policy(actions))
    return str(made["Arn"])


def _iam(endpoint: str) -> Any:
    return boto3.client(
        "iam", endpoint_url=endpoint, region_name=REGION, aws_access_key_id="any", aws_secret_access_key="any"
    )


def _policy(actions: list[str]) -> str:
    statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
