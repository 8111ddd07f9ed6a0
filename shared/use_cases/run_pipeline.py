"""Accepts a manual run: Flow 2 up to the answer, in one read and one transaction."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

from shared import log
from shared.adapters.accepted_runs import AcceptedRuns, ManualRun, Standing
from shared.adapters.tasks import Tasks
from shared.auth import PresentedKey, require_tenant
from shared.domain.acceptance import AcceptedRun, RunRequest, Start, body_digest, repeatable_run_id
from shared.domain.templates import Template, resolve_parameters, source_of
from shared.errors import Conflict, InvalidInput, QuotaExceeded, Unauthenticated

_MESSAGES = {
    "RUNNING": "Pipeline triggered successfully",
    "PENDING": "Pipeline queued; it starts as soon as it can",
}


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

    def start(self, standing: Standing, template: Template, request: RunRequest) -> dict[str, Any]:
        """The answer to the caller, once the run is in the queue. At most one job.

        InvalidInput for bad parameters, Conflict without a credential, QuotaExceeded when today is used up,
        IdempotencyMismatch when the key came with another body.
        """
        parameters = resolve_parameters(template, request.body)
        try:
            source = require_source(standing, template, parameters)
            standing.usage.check_quota()
        except (Conflict, InvalidInput, QuotaExceeded):
            # The first call of this key may have been accepted, and may itself be what used the day up.
            if first := self.find_first(standing, template, request):
                return _answer(standing, first.run_id, first.start)
            raise
        start = standing.usage.predict_start(template.pipeline_id, source)
        accepted = self._accept(standing, template, request, parameters=parameters, source=source, start=start)
        self.tasks.kick()
        return accepted

    def _accept(
        self,
        standing: Standing,
        template: Template,
        request: RunRequest,
        *,
        parameters: Mapping[str, Any],
        source: str | None,
        start: Start,
    ) -> dict[str, Any]:
        digest = body_digest(request.body)
        for run_id in run_ids(standing, template, request):
            run = ManualRun(
                run_id=run_id,
                tenant_id=standing.owner.tenant_id,
                provider=template.provider,
                domain=template.domain,
                pipeline_template=template.template,
                pipeline_id=template.pipeline_id,
                source=source,
                trigger_by=standing.api_key_id,
                user_id=request.user_id,
                parameters=parameters,
                retry_of=request.retry_of,
                accepted_at=standing.usage.now,
            )
            if self.runs.accept(run, start, body_digest=digest):
                log.info("run accepted", pipeline_logging_id=run_id, status=start.status)
                return _answer(standing, run_id, start)
            if first := self.answering(run_id, standing, digest):
                return _answer(standing, run_id, first.start)
        raise AssertionError("there is always another run id")

    def find_first(self, standing: Standing, template: Template, request: RunRequest) -> AcceptedRun | None:
        """What the first call with this request's key was told, or None when there was none."""
        if request.idempotency_key is None:
            return None
        for run_id in run_ids(standing, template, request):
            if first := self.answering(run_id, standing, body_digest(request.body)):
                return first
            if not self.runs.is_used(run_id):
                return None
        return None

    def answering(self, run_id: str, standing: Standing, digest: str) -> AcceptedRun | None:
        """What was accepted under this id for the same call; IdempotencyMismatch when it was for another."""
        accepted = self.runs.find_accepted(run_id)
        return accepted if accepted and accepted.answers(digest, standing.usage.now) else None


def require_source(standing: Standing, template: Template, parameters: Mapping[str, Any]) -> str | None:
    """What a run would load, as far as it is known; Conflict without a credential, InvalidInput when none is named."""
    if template.credentials not in standing.credentials:
        raise Conflict(f"no {template.credentials} credentials are set up")
    source = source_of(template, parameters, standing.credentials[template.credentials])
    if source is None and template.source_parameter:
        raise InvalidInput.of_field(template.source_parameter, "is named neither here nor by the credentials")
    return source


def run_ids(standing: Standing, template: Template, request: RunRequest) -> Iterator[str]:
    """The ids to try, one after the other: always the same ones where the request has a key."""
    if request.idempotency_key is None:
        while True:
            yield str(uuid.uuid4())
    tenant_id, pipeline_id, key = standing.owner.tenant_id, template.pipeline_id, request.idempotency_key
    for turn in count():
        yield repeatable_run_id(tenant_id=tenant_id, pipeline_id=pipeline_id, idempotency_key=key, turn=turn)


def _answer(standing: Standing, run_id: str, start: Start) -> dict[str, Any]:
    told = {"wait_reason": start.wait_reason, "queue_position": start.queue_position}
    return {
        "pipeline_logging_id": run_id,
        "tenant_id": standing.owner.tenant_id,
        "status": start.status,
        "message": _MESSAGES[start.status],
        **{name: value for name, value in told.items() if value is not None},
    }
