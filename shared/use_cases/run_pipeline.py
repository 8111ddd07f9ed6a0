"""Accepts manual runs and backfills, and answers before the runs begin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shared.configuration.templates import get_template
from shared.domain.requests.auth import PresentedKey
from shared.domain.requests.replies import Reply
from shared.domain.runs.acceptance import AcceptedRun, RunRequest
from shared.domain.runs.backfill import asks_for_backfill
from shared.domain.templates.templates import LATEST_DAY, resolve_parameters
from shared.errors import Conflict, InvalidInput, LimitReached
from shared.use_cases.accept_runs import Ask, PlannedRuns, RunIntake
from shared.use_cases.backfill import Backfills

_MESSAGES = {
    "RUNNING": "Pipeline triggered successfully",
    "PENDING": "Pipeline queued; it starts as soon as it can",
}


@dataclass(frozen=True)
class ManualRuns:
    """Accepts single runs."""

    requests: RunIntake

    def answer(self, ask: Ask) -> Reply:
        """Queue the run and return the answer. At most one job.

        It raises InvalidInput for bad parameters, Conflict without a credential, QuotaExceeded if today's limit is used
        up, TooManyWaiting if the tenant's queue is full, TooManyRequests if runs that are just being accepted may fill
        it, IdempotencyMismatch for a key that came with another body.
        """
        usage = ask.standing.usage
        # A retried run may be a schedule's, whose local day may begin before the UTC day, so its date is not checked.
        today = LATEST_DAY if ask.request.retry_of else usage.now.date()
        parameters = resolve_parameters(ask.template, ask.request.body, today=today)
        try:
            source = ask.require_source(parameters)
            with self.requests.count_while_accepting(ask.standing, 1) as unseen:
                usage.check_quota(unseen=unseen)
                usage.check_waiting(unseen=unseen)
                start = usage.predict_start(ask.template.pipeline_id, source)
                accepted = self.requests.accept(ask, PlannedRuns(source, start, parameters))
        except (Conflict, InvalidInput, LimitReached):
            # The first call with this key may have been accepted, and may itself have used up the limit.
            if first := self.requests.find_first(ask):
                return _answer(ask, first)
            raise
        return _answer(ask, accepted)


@dataclass(frozen=True)
class PipelineRequests:
    """Accepts the requests to run_pipeline."""

    requests: RunIntake
    manual_runs: ManualRuns
    backfills: Backfills

    def answer(self, key: PresentedKey, pipeline: Mapping[str, str], request: RunRequest) -> Reply:
        """Answer a call that names a pipeline by provider, domain and template. Its first read proves the key.

        One job reads, at most one writes.
        """
        if not asks_for_backfill(request.body):
            return self.manual_runs.answer(self._ask(key, pipeline, request))
        with self.backfills.one_at_a_time(key):
            return self.backfills.answer(self._ask(key, pipeline, request))

    def _ask(self, key: PresentedKey, pipeline: Mapping[str, str], request: RunRequest) -> Ask:
        standing = self.requests.require_standing(key)
        template = get_template(pipeline["provider"].lower(), pipeline["domain"], pipeline["template"])
        return Ask(standing, template, request)


def _answer(ask: Ask, accepted: AcceptedRun) -> Reply:
    start = accepted.start
    told = {"wait_reason": start.wait_reason, "queue_position": start.queue_position}
    body = {
        "pipeline_logging_id": accepted.run_id,
        "tenant_id": ask.standing.owner.tenant_id,
        "status": start.status,
        "message": _MESSAGES[start.status],
        **{name: value for name, value in told.items() if value is not None},
    }
    return Reply(body, accepted.is_replayed)
