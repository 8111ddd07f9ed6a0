"""Accepts what somebody asks to run: Flow 2 up to the answer, in one read and one transaction."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from shared.adapters.google.tasks import Tasks
from shared.adapters.stores.run_acceptance import AcceptedRuns
from shared.domain.credentials.notices import not_set_up
from shared.domain.requests.auth import PresentedKey, require_tenant
from shared.domain.requests.replies import Reply
from shared.domain.runs.acceptance import (
    AcceptedRun,
    RequestedRuns,
    RunRequest,
    Standing,
    Start,
    body_digest,
    repeatable_run_id,
)
from shared.domain.runs.backfill import BackfillQuota
from shared.domain.templates.templates import LATEST_DAY, Template, resolve_parameters, source_of
from shared.errors import Conflict, InvalidInput, QuotaExceeded, TooManyWaiting, Unauthenticated
from shared.runtime import log

_MESSAGES = {
    "RUNNING": "Pipeline triggered successfully",
    "PENDING": "Pipeline queued; it starts as soon as it can",
}
RunsOf = Callable[[str], Sequence[Mapping[str, Any]]]


@dataclass(frozen=True)
class RunRequests:
    """Accepts runs and wakes the dispatcher."""

    runs: AcceptedRuns
    tasks: Tasks

    def require_standing(self, key: PresentedKey) -> Standing:
        """The caller's standing, proved as the policy tenant_api_key does. One job."""
        standing = self.runs.find_standing(key)
        if standing is None:
            raise Unauthenticated
        require_tenant(standing.owner, key.tenant_id)
        return standing

    def start(self, standing: Standing, template: Template, request: RunRequest) -> Reply:
        """The answer to the caller, once the run is in the queue. At most one job.

        InvalidInput for bad parameters, Conflict without a credential, QuotaExceeded when today is used up,
        TooManyWaiting when the tenant's queue is full, IdempotencyMismatch when the key came with another body.
        """
        # A retried run may come from a schedule, and east of Greenwich its day begins before UTC's.
        today = LATEST_DAY if request.retry_of else standing.usage.now.date()
        parameters = resolve_parameters(template, request.body, today=today)
        try:
            source = require_source(standing, template, parameters)
            standing.usage.check_quota()
            standing.usage.check_waiting()
        except (Conflict, InvalidInput, QuotaExceeded, TooManyWaiting):
            # The first call of this key may have been accepted, and may itself be what used the day up.
            if first := self.find_first(standing, template, request):
                return _answer(standing, first)
            raise
        start = standing.usage.predict_start(template.pipeline_id, source)
        accepted = self.accept(
            standing,
            template,
            request,
            lambda run_id: [{"run_id": run_id, "parameters": parameters}],
            source=source,
            start=start,
        )
        return _answer(standing, accepted)

    def accept(
        self,
        standing: Standing,
        template: Template,
        request: RunRequest,
        runs_of: RunsOf,
        *,
        source: str | None,
        start: Start,
        quota: BackfillQuota | None = None,
    ) -> AcceptedRun:
        """Queue the runs that `runs_of` gives for the first free id, a backfill's where there is a `quota`.

        What this call is told, or what the first one with its key was. IdempotencyMismatch when the key came with
        another body. At most one job that writes.
        """
        for request_id in _request_ids(standing, template, request):
            told = AcceptedRun(request_id, start, body_digest(request.body), standing.usage.now, quota)
            requested = RequestedRuns(
                request_id=request_id,
                backfill_id=request_id if quota else None,
                runs=runs_of(request_id),
                tenant_id=standing.owner.tenant_id,
                provider=template.provider,
                domain=template.domain,
                pipeline_template=template.template,
                pipeline_id=template.pipeline_id,
                source=source,
                trigger_by=standing.api_key_id,
                user_id=request.user_id,
                retry_of=request.retry_of,
                accepted_at=standing.usage.now,
            )
            accepted = self.runs.accept(requested, told)
            if accepted is told:
                named = {"backfill_id" if quota else "pipeline_logging_id": request_id}
                log.info("runs accepted", **named, runs=len(requested.runs), status=start.status)
            elif accepted is None or not accepted.answers(told.body_digest, standing.usage.now):
                continue
            self.tasks.kick()  # the first call may have been cut off before it could
            return replace(accepted, is_replayed=accepted is not told)
        raise AssertionError("there is always another id")

    def find_first(self, standing: Standing, template: Template, request: RunRequest) -> AcceptedRun | None:
        """The answer to the first call with this request's key, or None when there was none."""
        if request.idempotency_key is None:
            return None
        for request_id in _request_ids(standing, template, request):
            accepted = self.runs.find_accepted(request_id)
            if accepted and accepted.answers(body_digest(request.body), standing.usage.now):
                return replace(accepted, is_replayed=True)
            if not self.runs.is_used(request_id):
                return None
        return None


def require_source(standing: Standing, template: Template, parameters: Mapping[str, Any]) -> str | None:
    """What a run would load, as far as it is known; Conflict without a credential, InvalidInput when none is named."""
    if template.credentials not in standing.credentials:
        raise Conflict(not_set_up(template.credentials))
    source = source_of(template, parameters, standing.credentials[template.credentials])
    if source is None and template.source_parameter:
        raise InvalidInput.of_field(
            template.source_parameter, "is missing; name it here, or store it with the credentials"
        )
    return source


def _request_ids(standing: Standing, template: Template, request: RunRequest) -> Iterator[str]:
    """The ids to try, one after the other: always the same ones where the request has a key."""
    if request.idempotency_key is None:
        while True:
            yield str(uuid.uuid4())
    tenant_id, pipeline_id, key = standing.owner.tenant_id, template.pipeline_id, request.idempotency_key
    for turn in count():
        yield repeatable_run_id(
            tenant_id=tenant_id, pipeline_id=pipeline_id, idempotency_key=key, turn=turn, retry_of=request.retry_of
        )


def _answer(standing: Standing, accepted: AcceptedRun) -> Reply:
    start = accepted.start
    told = {"wait_reason": start.wait_reason, "queue_position": start.queue_position}
    body = {
        "pipeline_logging_id": accepted.run_id,
        "tenant_id": standing.owner.tenant_id,
        "status": start.status,
        "message": _MESSAGES[start.status],
        **{name: value for name, value in told.items() if value is not None},
    }
    return Reply(body, accepted.is_replayed)
