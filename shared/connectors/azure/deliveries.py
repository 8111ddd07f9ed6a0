"""Finds what Azure has delivered below a prefix: each billing period's newest manifest, or else its newest file.

Layouts of Cost Management's exports. The folder of a period names its first and last day; the export's name is before
or after it:

- Partitioned: `<directory>/<export>/20260901-20260930/<time of the run>/<guid>/manifest.json`, beside it
  `part_0_0001.csv` and so on. An export that overwrites has no folder for the run. A manifest is delivered after all
  of its files. Older exports call it `_manifest.json`.
- One file without a manifest: `<directory>/<export>/20260901-20260930/<export>_<guid>.csv`. Each has the whole period,
  so the newest counts.

An export of actual costs and one of amortised costs may lie below one prefix. Together they deliver a period.
"""

from __future__ import annotations

import calendar
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import date

from shared.connectors.azure.manifests import ACTUAL, AMORTIZED
from shared.connectors.objects.deliveries import Delivery, one_a_period
from shared.domain.object_stores import StoredObject
from shared.errors import SourceNotFound

_RANGE = re.compile(r"(\d{8})-(\d{8})")
_RUN = re.compile(r"\d{12}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_MANIFEST = re.compile(r"_?manifest\.json", re.IGNORECASE)
_FILE = re.compile(r".+\.(?:parquet|csv|csv\.gz|gz)", re.IGNORECASE)
_PART = re.compile(r"part_\d+_\d+\.", re.IGNORECASE)
_KIND = "cost export"

_Key = tuple[str, date]


def find_deliveries(
    objects: Iterable[StoredObject], *, place: str, kind_of: Callable[[Delivery], str | None]
) -> dict[date, Delivery]:
    """The deliveries by billing period, oldest first. `kind_of` reads from a manifest which costs the export has.

    It raises SourceNotFound, which names the reason, if it is not certain which files form a period.
    """
    manifests: dict[_Key, list[StoredObject]] = defaultdict(list)
    files: dict[_Key, list[StoredObject]] = defaultdict(list)
    for found in objects:
        folder, _, name = found.key.rpartition("/")
        is_manifest = _MANIFEST.fullmatch(name)
        if (is_manifest or _FILE.fullmatch(name)) and (key := _export_and_period(folder)):
            (manifests if is_manifest else files)[key].append(found)
    with_manifests = {export for export, _ in manifests}
    deliveries = [Delivery(*_named(key), _newest(items)) for key, items in manifests.items()]
    deliveries += [
        Delivery(*_named(key), None, [_whole_file(items, place)])
        for key, items in files.items()
        if key[0] not in with_manifests
    ]
    if not deliveries:
        raise SourceNotFound(f"{place} has neither a manifest of a cost export nor files by billing period")
    return one_a_period(_joined(deliveries, kind_of), place)


def _joined(deliveries: Sequence[Delivery], kind_of: Callable[[Delivery], str | None]) -> Sequence[Delivery]:
    """The deliveries. If there are two exports, actual costs get the amortised costs of the same period beside them."""
    newest = {found.export: found for found in sorted(deliveries, key=lambda found: found.period)}
    if len(newest) != 2 or not all(found.manifest for found in deliveries):
        return deliveries
    exports = {kind_of(found): export for export, found in newest.items()}
    if exports.keys() != {ACTUAL, AMORTIZED}:
        return deliveries
    amortized = {found.period: found for found in deliveries if found.export == exports[AMORTIZED]}
    actual = {found.period: found for found in deliveries if found.export == exports[ACTUAL]}
    alone = [found for period, found in amortized.items() if period not in actual]
    both = [
        replace(found, beside=[amortized[period]] if period in amortized else []) for period, found in actual.items()
    ]
    return [*both, *alone]


def _named(key: _Key) -> tuple[str, str, date]:
    return key[0], _KIND, key[1]


def _export_and_period(folder: str) -> _Key | None:
    """The export's own folder, and the first day of the month that the path names; None where it names no days."""
    parts = folder.split("/")
    place = next((number for number, part in enumerate(parts) if _RANGE.fullmatch(part)), None)
    if place is None:
        return None
    first, last = parts[place].split("-")
    names = [*parts[:place], *(part for part in parts[place + 1 :] if not _RUN.fullmatch(part))]
    return "".join(f"{name}/" for name in names), _period(first, last, folder)


def _period(first: str, last: str, folder: str) -> date:
    try:
        start, end = date.fromisoformat(first), date.fromisoformat(last)
    except ValueError:
        raise SourceNotFound(f"{folder} names days that the calendar does not have") from None
    if start.day != 1 or end != start.replace(day=calendar.monthrange(start.year, start.month)[1]):
        raise SourceNotFound(
            f"{folder} is not a whole month; let the export deliver months, because whole billing periods are replaced"
        )
    return start


def _newest(items: Sequence[StoredObject]) -> StoredObject:
    """The latest file. If several are equally late, the one of the latest run, because folders are named by time."""
    return max(items, key=lambda item: (item.modified_at, item.key))


def _whole_file(items: Sequence[StoredObject], place: str) -> StoredObject:
    newest = _newest(items)
    folder, _, name = newest.key.rpartition("/")
    if _PART.match(name) and any(item is not newest and item.key.startswith(f"{folder}/part_") for item in items):
        raise SourceNotFound(f"{place} has no manifest, and {newest.key} is one part of several: keep its manifest too")
    if others := [item.key for item in items if item is not newest and item.modified_at == newest.modified_at]:
        raise SourceNotFound(f"{place} has no manifest, and {newest.key} and {others[0]} were written at the same time")
    return newest
