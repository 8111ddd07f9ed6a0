"""Defines the state of an attempt: the claimed run, earlier checkpoints, starting state, and signals to stop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from shared.domain.credentials.sealed import SealedCredential
from shared.domain.runs.events import KIND_OF_STATUS

_SNAPSHOT_KEPT = timedelta(days=6)  # BigQuery can read a table as it was up to seven days ago


@dataclass(frozen=True)
class Checkpoint:
    """An event of an earlier hop or attempt on which this one builds."""

    event_id: str
    kind: str
    lease_id: str | None
    attempt: int | None
    details: Mapping[str, Any]
    occurred_at: datetime


@dataclass(frozen=True)
class ClaimedRun:
    """The queue item, the credential and the checkpoints of a run whose lease is the task's; times are UTC."""

    provider: str
    domain: str
    pipeline_template: str
    trigger_type: str
    trigger_by: str | None
    config_id: str | None
    user_id: str | None
    max_retries: int
    added_at: datetime
    lease_expires_at: datetime
    parameters: Mapping[str, Any]
    accepted_source: str | None
    credential: SealedCredential | None
    checkpoints: Sequence[Checkpoint]
    read_at: datetime

    @property
    def credential_source(self) -> str | None:
        """The source that the credential names, if there is one."""
        return self.credential.source if self.credential else None

    @property
    def started_at(self) -> datetime:
        """The time at which an executor first claimed the run."""
        return min((item.occurred_at for item in self.checkpoints if item.kind == "CLAIMED"), default=self.read_at)

    @property
    def is_cancel_requested(self) -> bool:
        """Whether the run's cancellation was requested at the time of the read."""
        return any(item.kind == "CANCEL_REQUESTED" for item in self.checkpoints)

    def has_expired(self, lease_id: str | None, lease: timedelta) -> bool:
        """Whether the lease had ended at the time of the read. It lasts this long after each sign of life."""
        signs = [item.occurred_at + lease for item in self.checkpoints if item.lease_id == lease_id]
        return self.read_at > max([self.lease_expires_at, *signs])


@dataclass(frozen=True)
class Begun:
    """An attempt's starting state: the run's status (None without a row), and the tenant's newest turn.

    `summary_complete`: focus_cost_daily has all charges that were published so far.

    For the run's pipeline and source it has the watermark, the time of the last publish, and a digest of the published
    delivery of each billing period.
    """

    status: str | None
    watermark: datetime | None
    published_at: datetime | None
    turn: int
    summary_complete: bool
    deliveries: Mapping[str, str] = field(default_factory=dict)

    @property
    def has_ended(self) -> bool:
        """Whether an earlier delivery has ended the run."""
        return self.status in KIND_OF_STATUS


@dataclass(frozen=True)
class Signals:
    """The signals for a running executor."""

    lease_is_held: bool
    is_cancel_requested: bool


@dataclass(frozen=True)
class Ending:
    """The end of a run: COMPLETED, FAILED or CANCELLED, with the error."""

    status: str
    error_class: str | None = None
    error_message: str | None = None


def snapshot_of(run: ClaimedRun, published_at: datetime | None) -> datetime:
    """The snapshot that the attempt reads: the moment that its first hop chose, if it can still be used.

    The moment must be recent enough to be read, and must not be before the source's last publish.

    While a run waits for its next attempt, another run of its source may publish. The rows staged before that publish
    are then older than the published ones, so the attempt chooses a new moment and runs its steps from the start.
    """
    claims = [item.details for item in run.checkpoints if item.kind == "CLAIMED" and "snapshot_at" in item.details]
    earliest = run.read_at - _SNAPSHOT_KEPT
    if published_at is not None:
        earliest = max(earliest, published_at)
    frozen = (datetime.fromisoformat(claim["snapshot_at"]) for claim in claims)
    return min((moment for moment in frozen if moment > earliest), default=run.read_at)
