"""Accepts manual runs and backfills, and answers before the runs begin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shared.configuration.templates import get_template
from shared.domain.requests.auth import PresentedKey
from shared.domain.requests.creation import CreationRequest, Reply
from shared.domain.runs.acceptance import AcceptedRun
from shared.domain.runs.backfill import asks_for_backfill
from shared.domain.templates.templates import ASKS_FOR_BACKFILL, LATEST_DAY, resolve_parameters
from shared.errors import Conflict, InvalidInput, LimitReached
from shared.use_cases.accept_runs import PlannedRuns, RunIntake, RunRequest
from shared.use_cases.backfill import Backfills

_MESSAGES = {
    "RUNNING": "Pipeline triggered successfully",
    "PENDING": "Pipeline queued; it starts as soon as it can",
}


@dataclass(frozen=True)
class ManualRuns:
    """Accepts single runs."""

    intake: RunIntake

    def answer(self, request: RunRequest) -> Reply:
        """Queue the run and return the answer. At most one job.

        It raises InvalidInput for bad parameters, Conflict without a credential, QuotaExceeded if today's limit is used
        up, TooManyWaiting if the tenant's queue is full, TooManyRequests if runs that are just being accepted may fill
        it, IdempotencyMismatch for a key that came with another body.
        """
        usage = request.standing.usage
        # A retried run may be a schedule's, whose local day may begin before the UTC day, so its date is not checked.
        today = LATEST_DAY if request.retry_of else usage.now.date()
        parameters = resolve_parameters(request.template, request.creation.body, today=today, beside=ASKS_FOR_BACKFILL)
        try:
            source = request.require_source(parameters)
            with self.intake.count_while_accepting(request.standing, 1) as in_flight:
                usage.check_daily_limit(in_flight=in_flight)
                usage.check_waiting_limit(in_flight=in_flight)
                start = usage.predict_start(request.template.pipeline_id, source)
                accepted = self.intake.accept(request, PlannedRuns(source, start, parameters))
        except (Conflict, InvalidInput, LimitReached):
            # The first call with this key may have been accepted, and may itself have used up the limit.
            if first := self.intake.find_first(request):
                return _answer(request, first)
            raise
        return _answer(request, accepted)


@dataclass(frozen=True)
class RunRequests:
    """Answers the requests to run_pipeline."""

    intake: RunIntake
    manual_runs: ManualRuns
    backfills: Backfills

    def accept_or_preview(self, key: PresentedKey, pipeline: Mapping[str, str], creation: CreationRequest) -> Reply:
        """Accept the run or backfill of a pipeline, or show a backfill's preview. The first read proves the key.

        One job reads, at most one writes.
        """
        if not asks_for_backfill(creation.body):
            return self.manual_runs.answer(self._proved(key, pipeline, creation))
        with self.backfills.one_at_a_time(key):
            return self.backfills.answer(self._proved(key, pipeline, creation))

    def _proved(self, key: PresentedKey, pipeline: Mapping[str, str], creation: CreationRequest) -> RunRequest:
        standing = self.intake.require_standing(key)
        template = get_template(pipeline["provider"].lower(), pipeline["domain"], pipeline["template"])
        return RunRequest(standing, template, creation)


def _answer(request: RunRequest, accepted: AcceptedRun) -> Reply:
    start = accepted.start
    waits = {"wait_reason": start.wait_reason, "queue_position": start.queue_position}
    body = {
        "pipeline_logging_id": accepted.run_id,
        "tenant_id": request.standing.owner.tenant_id,
        "status": start.status,
        "message": _MESSAGES[start.status],
        **{name: value for name, value in waits.items() if value is not None},
    }
    return Reply(body, accepted.is_replayed)
