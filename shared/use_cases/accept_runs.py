"""Accepts runs: one read proves the key and finds the tenant's limits, one transaction queues the runs."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any

from shared.adapters.google.tasks import Tasks
from shared.adapters.stores.run_acceptance import RunAcceptance
from shared.domain.requests.auth import PresentedKey, require_tenant
from shared.domain.requests.creation import CreationRequest
from shared.domain.runs.acceptance import AcceptedRun, QueueableRuns, Standing, repeatable_run_id
from shared.domain.runs.backfill import Backfill, BackfillQuota
from shared.domain.runs.limits import Start
from shared.domain.runs.sources import require_source
from shared.domain.templates.templates import Template
from shared.errors import Unauthenticated
from shared.runtime import log
from shared.runtime.in_flight import InFlight


@dataclass(frozen=True)
class RunRequest:
    """A request for runs, its tenant's standing and its template. `retry_of` is the id of the run that it repeats."""

    standing: Standing
    template: Template
    creation: CreationRequest
    retry_of: str | None = None

    def request_id(self, number: int) -> str:
        """The id to try when `number` earlier ids are used up; the same for each call with the same Idempotency-Key."""
        if self.creation.idempotency_key is None:
            return str(uuid.uuid4())
        return repeatable_run_id(
            tenant_id=self.standing.owner.tenant_id,
            pipeline_id=self.template.pipeline_id,
            idempotency_key=self.creation.idempotency_key,
            number=number,
            retry_of=self.retry_of,
        )

    def require_source(self, parameters: Mapping[str, Any]) -> str | None:
        """The source that a run would load. It raises Conflict or InvalidInput as the function require_source."""
        return require_source(self.template, parameters, self.standing.credentials)


@dataclass(frozen=True)
class PlannedRuns:
    """The runs of one request, and their predicted start. A backfill has a run for each month, and a quota."""

    source: str | None
    start: Start
    parameters: Mapping[str, Any]
    backfill: Backfill | None = None
    quota: BackfillQuota | None = None

    def rows(self, request_id: str) -> Sequence[Mapping[str, Any]]:
        """The id and the parameters of each run, given the id of the request."""
        if self.backfill is None:
            return [{"run_id": request_id, "parameters": self.parameters}]
        return [
            {"run_id": month.run_id(request_id), "parameters": {**self.parameters, **month.to_dates()}}
            for month in self.backfill.months
        ]


@dataclass(frozen=True)
class RunIntake:
    """Accepts runs and wakes the dispatcher."""

    runs: RunAcceptance
    tasks: Tasks
    in_flight: InFlight = field(default_factory=InFlight)

    def require_standing(self, key: PresentedKey) -> Standing:
        """The caller's standing. The key is proved as the policy tenant_api_key proves it. One job."""
        asked_at = self.in_flight.now()
        standing = self.runs.find_standing(key)
        if standing is None:
            raise Unauthenticated
        require_tenant(standing.owner, key.tenant_id)
        return replace(standing, asked_at=asked_at)

    def count_while_accepting(self, standing: Standing, runs: int) -> AbstractContextManager[int]:
        """Count these runs while they are being accepted.

        It yields how many other runs of the tenant are being accepted and may be missing from this standing. Each
        instance counts only its own runs. When several instances together exceed a limit, the dispatcher enforces it.
        """
        return self.in_flight.work(standing.owner.tenant_id, runs, read_at=standing.asked_at)

    def accept(self, request: RunRequest, planned: PlannedRuns) -> AcceptedRun:
        """Queue the runs under the first free id.

        It returns this call's answer, or the answer of the first call with the same key. It raises IdempotencyMismatch
        if the first call had another body. At most one job writes.
        """
        number = 0
        while (accepted := self._try_id(request, planned, request.request_id(number))) is None:
            number += 1
        self.tasks.kick()  # the first call may have been cut off before its kick
        return accepted

    def find_first(self, request: RunRequest) -> AcceptedRun | None:
        """The answer to the first call with this request's key, or None when there was none."""
        if request.creation.idempotency_key is None:
            return None
        number = 0
        while True:
            request_id = request.request_id(number)
            accepted = self.runs.find_accepted(request_id)
            if accepted and accepted.answers(request.creation.body_digest, request.standing.usage.now):
                return accepted
            if not self.runs.is_used(request_id):
                return None
            number += 1

    def _try_id(self, request: RunRequest, planned: PlannedRuns, request_id: str) -> AcceptedRun | None:
        """The runs accepted under this id, now or by this key's first call; None if the id is used up."""
        now, digest = request.standing.usage.now, request.creation.body_digest
        answer = AcceptedRun(request_id, planned.start, digest, now, planned.quota)
        queueable = _queueable(request, planned, request_id)
        accepted = self.runs.accept(queueable, answer)
        if accepted is None:
            return None
        if accepted.is_replayed:
            return accepted if accepted.answers(digest, now) else None
        named = {"backfill_id" if planned.backfill else "pipeline_logging_id": request_id}
        log.info("runs accepted", **named, runs=len(queueable.runs), status=planned.start.status)
        return accepted


def _queueable(request: RunRequest, planned: PlannedRuns, request_id: str) -> QueueableRuns:
    standing, template = request.standing, request.template
    return QueueableRuns(
        request_id=request_id,
        backfill_id=request_id if planned.backfill else None,
        runs=planned.rows(request_id),
        tenant_id=standing.owner.tenant_id,
        provider=template.provider,
        domain=template.domain,
        pipeline_template=template.template,
        pipeline_id=template.pipeline_id,
        source=planned.source,
        trigger_by=standing.api_key_id,
        user_id=request.creation.user_id,
        retry_of=request.retry_of,
        accepted_at=standing.usage.now,
    )
