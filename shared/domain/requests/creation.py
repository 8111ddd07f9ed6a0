"""Defines the request that creates something and its answer, and recognises repeated requests by Idempotency-Key."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared.errors import IdempotencyMismatch

_KEY_VALIDITY = timedelta(hours=24)


@dataclass(frozen=True)
class CreationRequest:
    """The body, the user and the Idempotency-Key of the request. A request that repeats the key creates nothing."""

    body: Mapping[str, Any]
    user_id: str | None = None
    idempotency_key: str | None = None

    @property
    def body_digest(self) -> str:
        """A digest of the body, independent of the order of its fields and short enough for a job label."""
        return hashlib.sha256(json.dumps(self.body, sort_keys=True).encode()).hexdigest()[:40]


@dataclass(frozen=True)
class Reply:
    """The answer's body; `is_replayed` if it repeats the answer to an earlier call with the same Idempotency-Key."""

    body: Mapping[str, Any]
    is_replayed: bool = False
    status: int = 202


def is_repeated_call(digest: str, now: datetime, *, first_digest: str, first_at: datetime) -> bool:
    """Whether a call repeats the first call with its Idempotency-Key. A key is valid for a day after the first call.

    A call with another body raises IdempotencyMismatch.
    """
    if now - first_at > _KEY_VALIDITY:
        return False
    if first_digest != digest:
        raise IdempotencyMismatch
    return True
