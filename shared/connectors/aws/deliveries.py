"""Finds what AWS has delivered below a prefix: each billing period's newest manifest, or its complete set of files.

Layouts, from AWS's own documentation of Data Exports and of the legacy Cost and Usage Report:

- Data Exports: `<export>/data/BILLING_PERIOD=2026-09/<file>` and
  `<export>/metadata/BILLING_PERIOD=2026-09/<export>-Manifest.json`. An export that creates new files instead of
  overwriting has one more folder for each refresh. A manifest is delivered after all of its files.
- Legacy: `<report>/20260901-20261001/<report>-Manifest.json`. A report that keeps all updates has a folder for each
  update beside the manifest.
- Without manifests: the files of a period are in one folder. AWS's own replication for dashboards copies no manifests.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Literal

from shared.connectors.objects.deliveries import Delivery, listed, one_a_period
from shared.domain.object_stores import StoredObject
from shared.errors import SourceNotFound

Kind = Literal["legacy", "data export"]
_PERIOD = r"(?:billing_period=(?P<month>\d{4}-\d{2})|(?P<first>\d{8})-(?P<end>\d{8}))"
_MANIFEST = re.compile(rf"(?P<export>(?:.*/)?)(?:metadata/)?{_PERIOD}/(?:[^/]+/)?[^/]+-manifest\.json", re.IGNORECASE)
_FILE = re.compile(
    rf"(?P<export>(?:.*/)?)(?:data/)?{_PERIOD}/(?P<deeper>.*/)?(?P<name>[^/]+\.(?:parquet|csv|csv\.gz|csv\.zip|gz|zip))",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"-0*(\d+)(?:\.[a-z]+)+$", re.IGNORECASE)


def find_deliveries(objects: Iterable[StoredObject], *, place: str) -> dict[date, Delivery]:
    """The deliveries by billing period, oldest first.

    It raises SourceNotFound, which names the reason, if it is not certain which files form a period. Files that do not
    belong to it must not be added up.
    """
    manifests: dict[tuple[str, date], list[tuple[Kind, StoredObject]]] = defaultdict(list)
    files: dict[tuple[str, date], list[tuple[Kind, StoredObject, bool]]] = defaultdict(list)
    for found in objects:
        if match := _MANIFEST.fullmatch(found.key):
            kind, period = _kind_and_period(match)
            manifests[_export(match), period].append((kind, found))
        elif match := _FILE.fullmatch(found.key):
            kind, period = _kind_and_period(match)
            files[_export(match), period].append((kind, found, bool(match["deeper"])))
    with_manifests = {export for export, _ in manifests}
    deliveries = [_newest(export, period, items) for (export, period), items in manifests.items()]
    deliveries += [
        _complete_set(export, period, items, place)
        for (export, period), items in files.items()
        if export not in with_manifests
    ]
    if not deliveries:
        raise SourceNotFound(f"{place} has neither a manifest of a billing export nor files by billing period")
    return one_a_period(deliveries, place)


def _kind_and_period(match: re.Match[str]) -> tuple[Kind, date]:
    text = match["month"].replace("-", "") if match["month"] else match["first"]
    try:
        period = date(int(text[:4]), int(text[4:6]), 1)
    except ValueError:
        raise SourceNotFound(f"{match.string} names a month that the calendar does not have") from None
    return ("data export" if match["month"] else "legacy"), period


def _export(match: re.Match[str]) -> str:
    """The export's own folder, above its folders for manifests and data."""
    return re.sub(r"(?:metadata|data)/$", "", match["export"], flags=re.IGNORECASE)


def _newest(export: str, period: date, items: Sequence[tuple[Kind, StoredObject]]) -> Delivery:
    """The delivery of the latest manifest. Of equally late ones it takes the period's own, not an update's copy."""
    kind, found = max(items, key=lambda item: (item[1].modified_at, -item[1].key.count("/"), item[1].key))
    return Delivery(export, kind, period, found)


def _complete_set(export: str, period: date, items: Sequence[tuple[Kind, StoredObject, bool]], place: str) -> Delivery:
    if nested := [found.key for _, found, is_deeper in items if is_deeper]:
        raise SourceNotFound(
            f"{place} has no manifest, but the export creates new files at each update, such as {nested[0]};"
            " replicate the manifests too, or set the export to overwrite"
        )
    found = sorted((item for _, item, _ in items), key=lambda item: item.key)
    numbers = sorted(int(match[1]) for item in found if (match := _NUMBER.search(item.key)))
    if len(found) > 1 and numbers != list(range(1, len(found) + 1)):
        raise SourceNotFound(
            f"{place} has no manifest, and the files of {period:%Y-%m} are not numbered 1 to {len(found)}:"
            f" {listed([item.key for item in found])}"
        )
    return Delivery(export, items[0][0], period, None, found)
