"""Reads the manifest of a cost export: the files of one billing period, and the number of their rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shared.connectors.objects.deliveries import Delivery, Manifest, check_each_once, read_document
from shared.domain.object_stores import key_problem
from shared.errors import StepRefused

ACTUAL, AMORTIZED = "ActualCost", "AmortizedCost"
_LONGEST_VERSION = 64  # every row has it


def kind_of(content: Mapping[str, Any]) -> str | None:
    """The kind of the export, such as ActualCost; None if the manifest does not say it."""
    kind = _text(content, "exportConfig", "type")
    return next((known for known in (ACTUAL, AMORTIZED) if kind and known.lower() == kind.lower()), kind)


def parse_manifest(document: bytes, delivery: Delivery, *, prefix: str, kinds: Sequence[str]) -> Manifest:
    """Parse and check the manifest of an export that has one of these kinds.

    It raises StepRefused if the content is no manifest or belongs to another kind of export, or if it names another
    period than its path, or a blob outside the prefix.
    """
    content = read_document(document, delivery.name)
    blobs = content.get("blobs")
    if not isinstance(blobs, list) or not all(isinstance(item, Mapping) for item in blobs):
        raise StepRefused(f"{delivery.name} is no manifest: it has no blobs")
    kind, start = kind_of(content), _text(content, "runInfo", "startDate")
    if kind and kind.lower() not in {each.lower() for each in kinds}:
        raise StepRefused(f"{delivery.name} is an export of {kind[:40]}; this pipeline reads {' and '.join(kinds)}")
    if start and not start.startswith(f"{delivery.period:%Y-%m}"):
        raise StepRefused(f"{delivery.name} names the period {start[:40]}, and its folder {delivery.period:%Y-%m}")
    keys = [_key(item.get("blobName"), delivery, prefix) for item in blobs]
    check_each_once(keys, delivery.name)
    version = _text(content, "exportConfig", "dataVersion")
    return Manifest(keys, _count(content, delivery, len(keys)), version and version[:_LONGEST_VERSION], kind)


def _text(content: Mapping[str, Any], part: str, name: str) -> str | None:
    inner = content.get(part)
    value = inner.get(name) if isinstance(inner, Mapping) else None
    return value if isinstance(value, str) else None


def _key(given: object, delivery: Delivery, prefix: str) -> str:
    key = str(given).removeprefix("/")
    if not isinstance(given, str) or (problem := key_problem(key, prefix=prefix)):
        fault = f"names {str(given)[:200]}, which {problem}" if isinstance(given, str) else "has a blob without a name"
        raise StepRefused(f"{delivery.name} {fault}; it is not read")
    return key


def _count(content: Mapping[str, Any], delivery: Delivery, blobs: int) -> int | None:
    """The number of rows in the files. It raises StepRefused if the manifest's number of blobs is wrong."""
    stated = content.get("blobCount", blobs)
    if stated != blobs:
        raise StepRefused(f"{delivery.name} is of {str(stated)[:40]} blobs, and names {blobs}")
    rows = content.get("dataRowCount")
    return rows if isinstance(rows, int) else None
