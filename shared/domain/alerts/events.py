"""Describes the events of a tenant's alerts. Events are appended and never changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

# EVALUATED: the rules were compared with the costs. FIRED: an alert's reason was found for the first time. RESOLVED,
# REOPENED: the reason is gone, or there again. MESSAGE: something is to be sent. ATTEMPTED: it was sent, or not.
Kind = Literal["EVALUATED", "FIRED", "RESOLVED", "REOPENED", "MESSAGE", "ATTEMPTED"]


@dataclass(frozen=True)
class AlertEvent:
    """One event. `number` counts a tenant's evaluations, and the attempts of a message."""

    event_id: str
    tenant_id: str
    kind: Kind
    occurred_at: datetime
    number: int | None = None
    alert_id: str | None = None
    message_id: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    body: str | None = None

    def to_row(self) -> dict[str, Any]:
        """The row of tenants.alert_events, as JSON."""
        row = {**vars(self), "details": json.dumps(self.details), "occurred_at": self.occurred_at.isoformat()}
        return {name: value for name, value in row.items() if value is not None}
