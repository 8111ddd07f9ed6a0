"""Defines the answer of a request that creates something, for its first call and for repeated ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Reply:
    """The answer's body; `is_replayed` if it repeats the answer to an earlier call with the same Idempotency-Key."""

    body: Mapping[str, Any]
    is_replayed: bool = False
    status: int = 202
