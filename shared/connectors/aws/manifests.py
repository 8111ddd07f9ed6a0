"""Reads a manifest: the files of one billing period."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.connectors.objects.deliveries import Delivery, Manifest, check_each_once, read_document
from shared.domain.object_stores import key_problem
from shared.errors import StepRefused


def parse_manifest(document: bytes, delivery: Delivery, *, bucket: str, prefix: str) -> Manifest:
    """Parse and check a manifest.

    It raises StepRefused if the content is no manifest, or if it names another period than its path, another bucket,
    or a file outside the prefix.
    """
    content = read_document(document, delivery.name)
    given = content.get("dataFiles", content.get("reportKeys"))
    if not isinstance(given, list) or not all(isinstance(item, str) for item in given):
        raise StepRefused(f"{delivery.name} is no manifest: it has neither dataFiles nor reportKeys")
    _check_period(content, delivery)
    if content.get("bucket", bucket) != bucket:
        raise StepRefused(f"{delivery.name} is of another bucket, {str(content['bucket'])[:100]}")
    keys = [_key(item, delivery, bucket=bucket, prefix=prefix) for item in given]
    check_each_once(keys, delivery.name)
    return Manifest(keys)


def _check_period(content: Mapping[str, Any], delivery: Delivery) -> None:
    period = content.get("billingPeriod")
    if not isinstance(period, Mapping) or not isinstance(period.get("start"), str):
        return
    digits = period["start"].replace("-", "")[:6]
    if digits != f"{delivery.period:%Y%m}":
        raise StepRefused(
            f"{delivery.name} names the period {period['start'][:40]}, and its folder {delivery.period:%Y-%m}"
        )


def _key(given: str, delivery: Delivery, *, bucket: str, prefix: str) -> str:
    """The object key, which the manifest gives as a key or as an S3 URI."""
    key = given
    if given.startswith("s3://"):
        named, _, key = given.removeprefix("s3://").partition("/")
        if named != bucket:
            raise StepRefused(f"{delivery.name} names a file of another bucket, {given[:200]}")
    key = key.removeprefix("/")
    if problem := key_problem(key, prefix=prefix):
        raise StepRefused(f"{delivery.name} names {given[:200]}, which {problem}; it is not read")
    return key
