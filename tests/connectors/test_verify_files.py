"""The result of trying an AWS credential, against a server that checks signatures and policies."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from shared.configuration.settings import Settings
from shared.domain.credentials.credentials import AwsAccessKey
from shared.use_cases.verify_bucket import look_at_bucket
from tests.support.local_s3 import REGION, LocalS3, local_s3

MANIFEST = "exports/cur/metadata/BILLING_PERIOD=2026-09/cur-Manifest.json"


@pytest.fixture(scope="module")
def s3() -> Iterator[LocalS3]:
    with local_s3() as started:
        yield started


@pytest.fixture(scope="module")
def bucket(s3: LocalS3) -> str:
    """A bucket with a delivery of September."""
    name = f"bills-{uuid.uuid4().hex[:12]}"
    s3.make_bucket(name)
    s3.put(name, MANIFEST, b"{}")
    return name


def settings(s3: LocalS3) -> Settings:
    return Settings(project_id="p", bigquery_location="US", s3_endpoint=s3.endpoint)


def key(s3: LocalS3, bucket: str, prefix: str = "exports", **other: Any) -> AwsAccessKey:
    return AwsAccessKey.model_validate(s3.credentials(bucket, prefix, **other)["credentials"])


def test_a_readable_export_is_reported_with_its_last_delivery(s3: LocalS3, bucket: str) -> None:
    found = look_at_bucket(key(s3, bucket), "acme", settings(s3))
    assert (found.problems, found.source, found.location) == ((), f"aws:{bucket}/exports", REGION)
    assert found.last_changed_at


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"secret_access_key": "not-the-secret-of-the-key"}, "AWS refuses the access key"),
        ({"prefix": "elsewhere"}, "has neither a manifest of a billing export nor files by billing period"),
        ("stranger", "grant s3:ListBucket on the bucket"),
    ],
)
def test_missing_rights_are_reported_in_words_for_an_administrator(
    s3: LocalS3, bucket: str, other: Any, told: str
) -> None:
    found = look_at_bucket(key(s3, bucket, **(s3.stranger if other == "stranger" else other)), "acme", settings(s3))
    [problem] = found.problems
    assert problem.field == "credentials"
    assert told in problem.message
    assert found.last_changed_at is None
