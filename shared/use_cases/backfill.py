"""Accepts backfills: every month's run in one read and one transaction, with the quota they will wait for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from shared.domain.requests.auth import PresentedKey
from shared.domain.requests.replies import Reply
from shared.domain.runs.acceptance import AcceptedRun, RunRequest, Standing
from shared.domain.runs.backfill import Backfill, BackfillQuota, asks_for_backfill, plan_backfill
from shared.domain.templates.templates import Template
from shared.errors import Conflict, InvalidInput, TooManyRequests, TooManyWaiting
from shared.runtime.one_at_a_time import OneAtATime
from shared.use_cases.run_pipeline import RunRequests, require_source

_MOST_AT_ONCE, _MOST_SECONDS_WAITED, _COME_BACK_SECONDS = 4, 10.0, 5


@dataclass(frozen=True)
class Backfills:
    """Previews and accepts backfills as `requests` accepts single runs."""

    requests: RunRequests
    turns: OneAtATime = field(default_factory=lambda: OneAtATime(most=_MOST_AT_ONCE, seconds=_MOST_SECONDS_WAITED))

    def turn(self, key: PresentedKey, request: RunRequest) -> AbstractContextManager[None]:
        """Where a backfill's standing has to be read, and the backfill be accepted; it keeps no other request.

        Otherwise backfills that are asked for at the same moment would all find the queue empty. TooManyRequests when
        too many of one key come at once. Each instance has turns of its own.
        """
        return self._turn(key) if asks_for_backfill(request.body) else nullcontext()

    @contextmanager
    def _turn(self, key: PresentedKey) -> Iterator[None]:
        with self.turns.turn(key.api_key_hash) as is_mine:
            if not is_mine:
                raise TooManyRequests("too many backfills come at once with this key", retry_after=_COME_BACK_SECONDS)
            yield

    def answer(self, standing: Standing, template: Template, request: RunRequest) -> Reply:
        """200 for a preview, 202 once all runs are in the queue. At most one job.

        InvalidInput for bad fields, Conflict without a credential or while an earlier backfill waits, TooManyWaiting
        when the tenant's queue has no place for all of it, IdempotencyMismatch when the key came with another body.
        """
        backfill = plan_backfill(template, request.body, today=standing.usage.now.date())
        if backfill.is_preview and request.idempotency_key:
            raise InvalidInput.of_field("Idempotency-Key", "cannot be sent with a preview, which saves nothing")
        try:
            source = require_source(standing, template, backfill.parameters)
            standing.usage.check_no_backfill(template.pipeline_id, source)
            standing.usage.check_waiting(len(backfill.months))
        except (Conflict, InvalidInput, TooManyWaiting):
            # The first call of this key may have been accepted, and its runs be those that wait.
            first = None if backfill.is_preview else self.requests.find_first(standing, template, request)
            if first is None:
                raise
            return Reply(_accepted(standing, template, backfill, first), is_replayed=True)
        if backfill.is_preview:
            return Reply(_preview(standing, template, backfill, standing.usage.backfill_quota()), status=200)
        accepted = self.requests.accept(
            standing,
            template,
            request,
            lambda backfill_id: _runs(backfill, backfill_id),
            source=source,
            start=standing.usage.predict_backfill(template.pipeline_id, source),
            quota=standing.usage.backfill_quota(),
        )
        return Reply(_accepted(standing, template, backfill, accepted), accepted.is_replayed)


def _runs(backfill: Backfill, backfill_id: str) -> Sequence[Mapping[str, Any]]:
    return [
        {"run_id": month.run_id(backfill_id), "parameters": {**backfill.parameters, **month.to_dates()}}
        for month in backfill.months
    ]


def _preview(standing: Standing, template: Template, backfill: Backfill, quota: BackfillQuota) -> dict[str, Any]:
    return {
        "tenant_id": standing.owner.tenant_id,
        "pipeline_id": template.pipeline_id,
        "message": f"{_months(backfill)}; nothing is queued yet",
        "runs": [month.to_dates() for month in backfill.months],
        "quota": quota.to_preview(len(backfill.months)),
    }


def _accepted(standing: Standing, template: Template, backfill: Backfill, accepted: AcceptedRun) -> dict[str, Any]:
    backfill_id = accepted.run_id
    if accepted.quota is None:
        raise AssertionError("the same body was never a single run's")
    runs = [
        {"pipeline_logging_id": month.run_id(backfill_id), **month.to_dates(), "status": "PENDING"}
        for month in backfill.months
    ]
    return {
        **_preview(standing, template, backfill, accepted.quota),
        "backfill_id": backfill_id,
        "status": "PENDING",
        "message": f"Backfill queued: {_months(backfill)}",
        "runs": runs,
    }


def _months(backfill: Backfill) -> str:
    return f"{len(backfill.months)} run{'s' * (len(backfill.months) > 1)}, one a month, newest first"
