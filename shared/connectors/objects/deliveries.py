"""Defines a bill delivery: the files of one billing period that a cloud wrote in one go."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from shared.domain.object_stores import StoredObject
from shared.errors import SourceNotFound, StepRefused

_SHOWN = 5
_MAX_PERIODS = 600  # fifty years; a run's events name each period that it loads


@dataclass(frozen=True)
class Delivery:
    """One billing period of one export, named by its first day.

    `manifest` lists its files. A delivery without a manifest has `files`, and their folder is its name. `beside` are
    deliveries of other exports whose rows belong to the same period.
    """

    export: str
    kind: str
    period: date
    manifest: StoredObject | None
    files: Sequence[StoredObject] = ()
    beside: Sequence[Delivery] = ()

    @property
    def parts(self) -> Sequence[Delivery]:
        """The deliveries beside this one, then this one."""
        return [*self.beside, self]

    @property
    def name(self) -> str:
        """The object key of its manifest, or its folder."""
        return self.manifest.key if self.manifest else self.files[0].key.rpartition("/")[0] + "/"

    @property
    def digest(self) -> str:
        """A hash that changes when a part of it is delivered again, also with a manifest of the same bytes."""
        parts = [(item.key, item.etag, item.modified_at.isoformat()) for item in self._objects]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]

    @property
    def delivered_at(self) -> datetime:
        """When its last manifest was written, or its last file if it has no manifest."""
        return max(item.modified_at for item in self._objects)

    @property
    def _objects(self) -> Sequence[StoredObject]:
        return [item for part in self.parts for item in ([part.manifest] if part.manifest else part.files)]


@dataclass(frozen=True)
class Manifest:
    """The object keys of a delivery's files, in their order.

    `rows`: the number of rows in all files. `version`: the version of their columns. `kind`: the kind of the export.
    Each of the three is None if the manifest does not say it.
    """

    keys: Sequence[str]
    rows: int | None = None
    version: str | None = None
    kind: str | None = None


def read_document(document: bytes, name: str) -> Mapping[str, Any]:
    """The JSON object in a manifest. It raises StepRefused if the document is none."""
    try:
        content = json.loads(document)
    except (ValueError, RecursionError) as error:
        raise StepRefused(f"{name} is no JSON document") from error
    if not isinstance(content, Mapping):
        raise StepRefused(f"{name} is no manifest")
    return content


def check_each_once(keys: Sequence[str], name: str) -> None:
    """Raise StepRefused if a manifest names a file twice, whose rows would count twice."""
    if repeated := next((key for key, count in Counter(keys).items() if count > 1), None):
        raise StepRefused(f"{name} names {repeated[:200]} more than once")


def one_a_period(deliveries: Sequence[Delivery], place: str) -> dict[date, Delivery]:
    """The deliveries by period, oldest first. Two formats, or two exports of one period, raise SourceNotFound."""
    if len({delivery.period for delivery in deliveries}) > _MAX_PERIODS:
        raise SourceNotFound(
            f"{place} has more than {_MAX_PERIODS} billing periods; let the credential's prefix name one export"
        )
    kinds = {delivery.kind: delivery.export for delivery in deliveries}
    if len(kinds) > 1:
        formats = ", ".join(f"{export or '/'} ({kind})" for kind, export in sorted(kinds.items()))
        raise SourceNotFound(f"{place} has exports of two formats: {formats}; let the credential's prefix name one")
    by_period: dict[date, Delivery] = {}
    for delivery in sorted(deliveries, key=lambda item: (item.period, item.export)):
        other = by_period.setdefault(delivery.period, delivery)
        if other is not delivery:
            raise SourceNotFound(
                f"{place} has two exports of {delivery.period:%Y-%m}, {other.export or '/'} and"
                f" {delivery.export or '/'}; let the credential's prefix name one"
            )
    return by_period


def listed(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    shown = ", ".join(names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"


def listed_periods(periods: Sequence[date]) -> str:
    """The periods as text."""
    return listed([f"{period:%Y-%m}" for period in periods])
