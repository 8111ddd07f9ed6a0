"""What a call that makes something is told, the first time and when it is repeated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Reply:
    """The answer's body; `is_replayed` where an earlier call with the same Idempotency-Key made what it tells of."""

    body: Mapping[str, Any]
    is_replayed: bool = False
    status: int = 202
