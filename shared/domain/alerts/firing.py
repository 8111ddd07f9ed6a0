"""Names alerts: an alert has the same id each time its reason is found, so it is sent once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Fired:
    """An alert whose reason holds now. `facts` are JSON, with exact amounts as texts."""

    alert_id: str
    facts: Mapping[str, Any]


def alert_id(*parts: str) -> str:
    """The id of an alert, made of its reason."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
