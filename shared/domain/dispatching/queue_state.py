"""The dispatcher's input: the queue, the events of executors, and each tenant's limits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property

QUEUED, PROCESSING = "QUEUED", "PROCESSING"

# Why an item waits. A live item has PLATFORM_BUSY or CLOSING while its executor has not begun.
SUBSCRIPTION_NOT_LIVE = "SUBSCRIPTION_NOT_LIVE"
DAILY_LIMIT = "DAILY_LIMIT"
CONCURRENT_LIMIT = "CONCURRENT_LIMIT"
PIPELINE_BUSY = "PIPELINE_BUSY"  # another run of the same pipeline and source is live
RETRY_BACKOFF = "RETRY_BACKOFF"
GOOGLE_QUOTA = "GOOGLE_QUOTA"  # the run did not fail and used up no attempt
PLATFORM_BUSY = "PLATFORM_BUSY"
CLOSING = "CLOSING"  # the run has no executor any more; a closing task writes its end

RunKey = tuple[str, str, str | None]


@dataclass(frozen=True)
class QueueItem:
    """One accepted run that has not ended: a row of pipeline_execution_queue. Times are UTC."""

    run_id: str
    tenant_id: str
    pipeline_id: str
    pipeline_logging_id: str
    state: str
    priority: int
    scheduled_time: datetime
    available_at: datetime
    added_at: datetime
    attempt: int
    hop: int
    max_retries: int
    source: str | None = None
    config_id: str | None = None
    backfill_id: str | None = None
    quota_date: date | None = None
    lease_id: str | None = None
    lease_expires_at: datetime | None = None
    processing_started_at: datetime | None = None
    wait_reason: str | None = None

    @property
    def key(self) -> RunKey:
        """Tenant, pipeline and source. At most one run of a key is live. Unknown sources share a key."""
        return (self.tenant_id, self.pipeline_id, self.source)

    @property
    def is_manual(self) -> bool:
        """Whether a user started this one run: it belongs neither to a schedule nor to a backfill."""
        return self.config_id is None and self.backfill_id is None

    @property
    def is_counted(self) -> bool:
        """Whether it already counts on a day, because its first attempt has begun."""
        return self.quota_date is not None

    @property
    def is_backfill(self) -> bool:
        """Whether it belongs to a backfill. Every other run of its tenant goes before it."""
        return self.backfill_id is not None


@dataclass(frozen=True)
class RunSign:
    """The latest event of one kind under a lease. STEP and HEARTBEAT are signs of life."""

    run_id: str
    kind: str
    occurred_at: datetime
    lease_id: str | None = None
    hop: int | None = None
    retryable: bool | None = None
    error_class: str | None = None
    error_message: str | None = None


@dataclass(frozen=True)
class TenantLimits:
    """A tenant's limits and its usage of today. `is_live` says that tenant and subscription are live at this moment.

    `due_today`: schedules whose next tick comes before this UTC day ends. Backfills leave one run for each of them.
    """

    tenant_id: str
    is_live: bool
    daily_limit: int
    concurrent_limit: int
    started_today: int
    last_admitted_at: datetime | None = None
    due_today: int = 0


@dataclass(frozen=True)
class QueueState:
    """One read of the queue. `now` is BigQuery's clock at that read, the one clock of every decision.

    `items` has every live item, every item with a cancel request, and the front of each tenant's queue: the first items
    that count on a day already, and the first that do not. It also has items without a wait reason, as many as one
    transaction can change. `next_available_at` is the time at which the next item in backoff may start.
    """

    epoch: int
    now: datetime
    items: tuple[QueueItem, ...]
    signs: tuple[RunSign, ...]
    tenants: tuple[TenantLimits, ...]
    queued_count: int
    next_available_at: datetime | None = None

    @cached_property
    def limits(self) -> dict[str, TenantLimits]:
        """The limits of each tenant by its id."""
        return {tenant.tenant_id: tenant for tenant in self.tenants}
