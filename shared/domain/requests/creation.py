"""Defines the request that creates something, and its answer for the first call and for repeated ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class CreationRequest:
    """The body, the user and the Idempotency-Key of the request. A request that repeats the key creates nothing."""

    body: Mapping[str, Any]
    user_id: str | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True)
class Reply:
    """The answer's body; `is_replayed` if it repeats the answer to an earlier call with the same Idempotency-Key."""

    body: Mapping[str, Any]
    is_replayed: bool = False
    status: int = 202
