"""Finds FOCUS files of anybody: below a prefix, each path names the month that the file bills.

A month is written as 2026-09, 2026_09, 202609, 2026/09 or 20260901-20260930, also after `billing_period=` and as
`year=2026/month=09`. All files of a month lie in one folder, and together are the month.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date

from shared.connectors.objects.deliveries import Delivery, listed, one_a_period
from shared.domain.object_stores import StoredObject
from shared.errors import SourceNotFound

_KIND = "FOCUS files"
_FILE = re.compile(r".+\.(?:parquet|csv|csv\.gz|csv\.zip)", re.IGNORECASE)
_MONTHS = (
    re.compile(r"(?<!\d)(?P<year>2\d{3})(?P<month>0[1-9]|1[0-2])\d{2}-2\d{7}(?!\d)"),
    re.compile(r"year=(?P<year>2\d{3})/month=(?P<month>0?[1-9]|1[0-2])(?!\d)", re.IGNORECASE),
    re.compile(r"(?<!\d)(?P<year>2\d{3})[-_/](?P<month>0[1-9]|1[0-2])(?!\d)"),
    re.compile(r"(?<!\d)(?P<year>2\d{3})(?P<month>0[1-9]|1[0-2])(?!\d)"),
)


def find_deliveries(objects: Iterable[StoredObject], *, place: str, prefix: str) -> dict[date, Delivery]:
    """The files by billing period, oldest first.

    It raises SourceNotFound, which names the reason, if a file names no month or a month's files lie in two folders.
    """
    found: dict[date, list[StoredObject]] = defaultdict(list)
    unnamed = []
    for item in objects:
        if not _FILE.fullmatch(item.key):
            continue
        if (period := month_of(item.key.removeprefix(prefix))) is None:
            unnamed.append(item.key)
        else:
            found[period].append(item)
    if unnamed:
        raise SourceNotFound(f"{place} has files whose path names no month, such as 2026-09: {listed(unnamed)}")
    if not found:
        raise SourceNotFound(f"{place} has no CSV or Parquet files")
    return one_a_period([_delivery(period, items, place) for period, items in found.items()], place)


def month_of(path: str) -> date | None:
    """The first day of the month that a path names; None if it names none."""
    for pattern in _MONTHS:
        if match := pattern.search(path):
            return date(int(match["year"]), int(match["month"]), 1)
    return None


def _delivery(period: date, items: Sequence[StoredObject], place: str) -> Delivery:
    folders = sorted({item.key.rpartition("/")[0] for item in items})
    if len(folders) > 1:
        raise SourceNotFound(f"{place} has files of {period:%Y-%m} in several folders: {listed(folders)}")
    return Delivery("", _KIND, period, None, sorted(items, key=lambda item: item.key))
