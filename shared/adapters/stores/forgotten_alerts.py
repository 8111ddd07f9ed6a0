"""Finds what the tasks of alerts have left undone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared.adapters.bigquery.sql import statement
from shared.adapters.bigquery.warehouse import Warehouse

_DAYS, _MARGIN_MINUTES = 3, 60
_CLOCK_SKEW_SECONDS = 1


@dataclass(frozen=True)
class Forgotten:
    """What no task does any more: tenants to evaluate, and messages (tenant_id first) to send."""

    tenants: Sequence[str]
    messages: Sequence[tuple[str, str]]


def find_forgotten(warehouse: Warehouse) -> Forgotten:
    """What the tasks of the last days have left undone, over all tenants. One job."""
    values = {"days": _DAYS, "margin_minutes": _MARGIN_MINUTES, "skew_seconds": _CLOCK_SKEW_SECONDS}
    (found,) = warehouse.read(statement("alerts", "read_forgotten"), values)
    messages = [(row["tenant_id"], row["message_id"]) for row in found["messages"]]
    return Forgotten(found["tenants"], messages)
