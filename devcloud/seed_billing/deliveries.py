"""Delivers a sample bill of AWS or Azure into a bucket of its own, with the credentials that may read it."""

from __future__ import annotations

import base64
import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from devcloud.objects import azure_buckets, s3_buckets
from devcloud.objects.blobs import DIRECTORY
from devcloud.objects.s3 import REGION
from devcloud.seed_billing.aws_report import deliver_report
from devcloud.seed_billing.azure_export import deliver_export

Json = dict[str, Any]
_PREFIX = "exports"
_CONTAINER = "billing"


@dataclass(frozen=True)
class Delivered:
    """The credentials that the tenant's frontend posts, and the sums of the bill by billing period."""

    credentials: Json
    truth: Json


def deliver_aws(state_dir: Path, name: str, seed: int, days: Sequence[date]) -> Delivered:
    """Deliver a CUR 2.0 of these days into the bucket NAME-billing, which one access key may read."""
    buckets, bucket = s3_buckets(state_dir), f"{name}-billing"
    digest = hashlib.sha256(name.encode()).digest()
    reader = buckets.make(bucket, f"AKIA{base64.b32encode(digest).decode()[:16]}")
    truth = deliver_report(buckets, bucket, _PREFIX, seed, days)
    key = {"access_key_id": reader.id, "secret_access_key": reader.secret}
    credentials = {"region": REGION, "bucket": bucket, "prefix": _PREFIX, **key}
    return Delivered({"provider": "AWS", "credentials": credentials}, truth)


def deliver_azure(state_dir: Path, name: str, seed: int, days: Sequence[date]) -> Delivered:
    """Deliver an export of these days into the storage account NAMEcosts, which one application may read."""
    buckets, account = azure_buckets(state_dir), f"{name.replace('-', '')}costs"
    reader = buckets.make(f"{account}/{_CONTAINER}", str(uuid.uuid5(uuid.NAMESPACE_DNS, name)))
    truth = deliver_export(buckets, reader.bucket, _PREFIX, seed, days)
    application = {"tenant_id": DIRECTORY, "client_id": reader.id, "client_secret": reader.secret}
    place = {"storage_account": account, "container": _CONTAINER, "prefix": _PREFIX}
    return Delivered({"provider": "AZURE", "credentials": application | place}, truth)
