"""Accepts backfills: one transaction queues a run for every month. The answer shows the quota that they may use."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from shared.domain.requests.auth import PresentedKey
from shared.domain.requests.creation import Reply
from shared.domain.runs.acceptance import AcceptedRun
from shared.domain.runs.backfill import Backfill, BackfillQuota, plan_backfill
from shared.errors import Conflict, InvalidInput, LimitReached
from shared.runtime.concurrency_limit import ConcurrencyLimit
from shared.use_cases.accept_runs import PlannedRuns, RunIntake, RunRequest


def backfill_limit(*, max_length: int = 4, seconds: float = 10.0) -> ConcurrencyLimit:
    """The limit that lets one backfill of a key be accepted at a time, while others wait in line."""
    message = "This key asks for too many backfills at once; wait, then try again."
    return ConcurrencyLimit(message, max_length=max_length, seconds=seconds, retry_after=5)


@dataclass(frozen=True)
class Backfills:
    """Previews and accepts backfills. `intake` accepts their runs."""

    intake: RunIntake
    limit: ConcurrencyLimit = field(default_factory=backfill_limit)

    def one_at_a_time(self, key: PresentedKey) -> AbstractContextManager[None]:
        """A block in which only one backfill of this key reads its standing and is accepted. Others wait.

        Otherwise backfills that are requested at the same moment would all find the queue empty. It raises
        TooManyRequests if too many of one key come at once. Each instance orders only its own calls.
        """
        return self.limit.slot(key.api_key_hash)

    def answer(self, request: RunRequest) -> Reply:
        """The answer: 200 for a preview, 202 if all runs are in the queue. At most one job.

        It raises InvalidInput for bad fields, Conflict without a credential or while an earlier backfill waits,
        TooManyWaiting if the tenant's queue has no room for all runs, IdempotencyMismatch for a key that came with
        another body.
        """
        template, usage = request.template, request.standing.usage
        backfill = plan_backfill(template, request.creation.body, today=usage.now.date())
        months = len(backfill.months)
        if backfill.is_preview and request.creation.idempotency_key:
            raise InvalidInput.of_field("Idempotency-Key", "cannot be sent with a preview, which saves nothing")
        try:
            source = request.require_source(backfill.parameters)
            usage.check_no_backfill_waits(template.pipeline_id, source)
            if backfill.is_preview:
                usage.check_waiting_limit(months)
                return Reply(_preview(request, backfill, usage.backfill_quota()), status=200)
            with self.intake.count_while_accepting(request.standing, months) as in_flight:
                usage.check_waiting_limit(months, in_flight=in_flight)
                start, quota = usage.predict_backfill(template.pipeline_id, source), usage.backfill_quota()
                accepted = self.intake.accept(request, PlannedRuns(source, start, backfill.parameters, backfill, quota))
        except (Conflict, InvalidInput, LimitReached):
            # The runs that wait may be those of the first call with this key.
            first = None if backfill.is_preview else self.intake.find_first(request)
            if first is None:
                raise
            return Reply(_accepted(request, backfill, first), is_replayed=True)
        return Reply(_accepted(request, backfill, accepted), accepted.is_replayed)


def _preview(request: RunRequest, backfill: Backfill, quota: BackfillQuota) -> dict[str, Any]:
    return {
        "tenant_id": request.standing.owner.tenant_id,
        "pipeline_id": request.template.pipeline_id,
        "message": f"{_months(backfill)}; nothing is queued yet",
        "runs": [month.to_dates() for month in backfill.months],
        "quota": quota.to_preview(len(backfill.months)),
    }


def _accepted(request: RunRequest, backfill: Backfill, accepted: AcceptedRun) -> dict[str, Any]:
    backfill_id = accepted.run_id
    if accepted.quota is None:
        raise AssertionError("the same body was never a single run's")
    runs = [
        {"pipeline_logging_id": month.run_id(backfill_id), **month.to_dates(), "status": "PENDING"}
        for month in backfill.months
    ]
    return {
        **_preview(request, backfill, accepted.quota),
        "backfill_id": backfill_id,
        "status": "PENDING",
        "message": f"Backfill queued: {_months(backfill)}",
        "runs": runs,
    }


def _months(backfill: Backfill) -> str:
    return f"{len(backfill.months)} run{'s' * (len(backfill.months) > 1)}, one a month, newest first"
