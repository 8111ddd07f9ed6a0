"""Defines requests for runs, and the ids by which a repeated request finds the runs of the first one."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.domain.requests.auth import KeyOwner
from shared.domain.requests.creation import is_repeated_call
from shared.domain.runs.backfill import BackfillQuota
from shared.domain.runs.limits import Start, Usage

MANUAL_PRIORITY = 10
MANUAL_MAX_RETRIES = 3
_NAMESPACE = uuid.UUID("0b8f2b52-6f0a-4d0f-8a54-2b9f3f0c9a51")


@dataclass(frozen=True)
class AcceptedRun:
    """The answer to a call that was accepted under an id, with the digest of its body.

    `run_id` is the id of the run or of the backfill. `is_replayed`: an earlier call with the same key got this answer.
    """

    run_id: str
    start: Start
    body_digest: str
    accepted_at: datetime
    quota: BackfillQuota | None = None  # only a backfill has one
    is_replayed: bool = False

    def answers(self, body_digest: str, now: datetime) -> bool:
        """Whether it answers a call with the same key. A call with another body raises IdempotencyMismatch."""
        return is_repeated_call(body_digest, now, first_digest=self.body_digest, first_at=self.accepted_at)


def repeatable_run_id(
    *, tenant_id: str, pipeline_id: str, idempotency_key: str, number: int, retry_of: str | None = None
) -> str:
    """The id to try for an Idempotency-Key when `number` earlier ids are used up. The same call gets the same id.

    A key belongs to one route: to new runs, or to the retries of one run.
    """
    named = [tenant_id, pipeline_id, idempotency_key, number, *([retry_of] if retry_of else [])]
    return str(uuid.uuid5(_NAMESPACE, json.dumps(named)))


@dataclass(frozen=True)
class Standing:
    """A key's owner, and what its tenant has and uses. `credentials` maps a provider to the source of its credential.

    `asked_at`: the time just before the read, by the caller's own clock.
    """

    owner: KeyOwner
    api_key_id: str
    usage: Usage
    credentials: Mapping[str, str | None]
    asked_at: float = 0.0


@dataclass(frozen=True)
class QueueableRuns:
    """The runs of one request: a single run, or a backfill's runs in their order.

    `request_id` is the id of the run or of the backfill. Each of `runs` has `run_id` and `parameters`.
    """

    request_id: str
    backfill_id: str | None
    runs: Sequence[Mapping[str, Any]]
    tenant_id: str
    provider: str
    domain: str
    pipeline_template: str
    pipeline_id: str
    source: str | None
    trigger_by: str
    user_id: str | None
    retry_of: str | None
    accepted_at: datetime
