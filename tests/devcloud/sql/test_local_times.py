"""A repeated local time means its first occurrence, a skipped one is read with the offset before the gap."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import product

import pytest

from tests.support.devcloud.warehouse import Warehouse

FORMS = (
    "TIMESTAMP '{local} {zone}'",
    "CAST('{local} {zone}' AS TIMESTAMP)",
    "CAST(text || ' {zone}' AS TIMESTAMP)",
    "TIMESTAMP('{local}', '{zone}')",
    "TIMESTAMP(text, '{zone}')",
    "TIMESTAMP(DATETIME '{local}', '{zone}')",
    "TIMESTAMP(CAST(text AS DATETIME), '{zone}')",
    "PARSE_TIMESTAMP('%F %T', '{local}', '{zone}')",
    "PARSE_TIMESTAMP('%F %T', text, '{zone}')",
)


@pytest.mark.parametrize(
    ("local", "zone", "moment"),
    [
        ("2025-10-26 02:30:00", "Europe/Berlin", "2025-10-26 00:30"),
        ("2025-10-26 01:59:59", "Europe/Berlin", "2025-10-25 23:59:59"),
        ("2025-10-26 03:00:00", "Europe/Berlin", "2025-10-26 02:00"),
        ("2025-03-30 02:30:00", "Europe/Berlin", "2025-03-30 01:30"),
        ("2025-11-02 01:15:00", "America/New_York", "2025-11-02 05:15"),
        ("2025-04-06 01:45:00", "Australia/Lord_Howe", "2025-04-05 14:45"),
        ("2011-12-30 12:00:00", "Pacific/Apia", "2011-12-30 22:00"),
        ("2025-10-26 02:30:00", "+01", "2025-10-26 01:30"),
        ("2025-10-26 02:30:00", "UTC", "2025-10-26 02:30"),
    ],
)
def test_every_form_gives_the_same_moment(warehouse: Warehouse, local: str, zone: str, moment: str) -> None:
    wanted = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    listed = ", ".join(form.format(local=local, zone=zone) for form in FORMS)
    (found,) = warehouse.rows(f"SELECT {listed} FROM (SELECT '{local}' AS text)")
    assert list(product(FORMS, [wanted])) == list(zip(FORMS, found, strict=True))
