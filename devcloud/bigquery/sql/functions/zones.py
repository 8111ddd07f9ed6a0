"""Converts between moments and local times.

DuckDB handles named zones. Offsets and computed zones need macros, which take twenty times as long to bind. Local times
need a macro too: when clocks change, they are ambiguous or missing, and DuckDB chooses another moment than GoogleSQL.
"""

from __future__ import annotations

import re

_NAMED = re.compile(r"'(?:UTC|[A-Za-z_]+(?:/[A-Za-z_]+)+)'")


def local_of(moment: str, zone: str) -> str:
    """The SQL for the DATETIME of a TIMESTAMP in a zone."""
    return f"timezone({zone}, {moment})" if _NAMED.fullmatch(zone) else f"bq_local({moment}, {zone})"


def moment_of(local: str, zone: str) -> str:
    """The SQL for the TIMESTAMP of a DATETIME in a zone."""
    if zone == "'UTC'":
        return f"timezone('UTC', {local})"
    return f"bq_from_zone({local}, {zone})" if _NAMED.fullmatch(zone) else f"bq_from_local({local}, {zone})"
