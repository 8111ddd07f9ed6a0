"""Shows, cancels and repeats a tenant's runs, and cancels backfills."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.adapters.bigquery.warehouse import Row
from shared.adapters.google.tasks import Tasks
from shared.adapters.stores.events import RunEvents
from shared.adapters.stores.run_log import RunLog
from shared.configuration.templates import get_template
from shared.domain.requests.auth import PresentedKey, TenantReader
from shared.domain.requests.creation import CreationRequest, Reply
from shared.domain.requests.identifiers import PipelineId
from shared.domain.requests.paging import Place, find_place, first_page
from shared.domain.requests.parsing import IN_DIGITS, NoBody, validated
from shared.domain.runs.backfill import MAX_MONTHS
from shared.domain.runs.events import RunEvent
from shared.domain.runs.run_details import FINISHED, billed_for
from shared.errors import Conflict, NotFound, TooManyRequests
from shared.runtime import log
from shared.runtime.ttl_cache import TtlCache, answer_cache
from shared.use_cases.accept_runs import RunIntake, RunRequest
from shared.use_cases.run_pipeline import ManualRuns

_OLDEST_LOOK_SECONDS = 30.0
Looks = TtlCache[tuple[str, str, str], dict[str, Any]]  # answers by tenant, kind of request, and its details
_LISTED = (
    "pipeline_logging_id", "pipeline_id", "status", "trigger_type", "config_id", "user_id", "parameters", "created_at",
    "started_at", "completed_at", "attempt", "rows_published", "first_date", "last_date", "warnings",
    "wait_reason", "queue_position", "cancel_requested", "retry_of", "backfill_id", "error_class", "error_message",
)  # fmt: skip


def new_looks(*, seconds: float, clock: Callable[[], float] = time.monotonic) -> Looks:
    """An empty cache of answers. Each answer is valid for `seconds`."""
    return answer_cache(seconds=seconds, oldest_seconds=_OLDEST_LOOK_SECONDS, clock=clock)


class ListRequest(BaseModel):
    """The query string of the list."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limit: Annotated[int, Field(ge=1, le=200), IN_DIGITS] = 50
    page_token: Annotated[str, Field(max_length=512)] | None = None
    status: Literal["PENDING", "RUNNING", "COMPLETED", "FAILED", "CANCELLED"] | None = None
    pipeline_id: PipelineId | None = None
    backfill_id: Annotated[str, Field(max_length=128)] | None = None


@dataclass(frozen=True)
class PipelineRuns:
    """The requests about a tenant's runs."""

    run_log: RunLog
    events: RunEvents
    tasks: Tasks
    intake: RunIntake
    looks: Looks

    def list_runs(self, caller: TenantReader, query: Mapping[str, Any]) -> dict[str, Any]:
        """A page of runs, newest first. `query` has a ListRequest's fields as text. One job, or none (see `looks`)."""
        request = validated(ListRequest, query)
        return self._look(caller, ("list", str(request)), lambda: self._page(caller.tenant_id, request))

    def get_run(self, caller: TenantReader, pipeline_logging_id: str) -> dict[str, Any]:
        """One run with its steps, checks and restated days. It raises NotFound for a run that is not this tenant's.

        One job if the run has not ended, two if it has, none if `looks` has the answer.
        """
        what = ("run", pipeline_logging_id)
        return self._look(caller, what, lambda: self._run_in_full(caller.tenant_id, pipeline_logging_id))

    def _look(self, caller: TenantReader, what: tuple[str, str], read: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        key = (caller.tenant_id, *what)
        if found := self.looks.find(key):
            return found[0]
        try:
            caller.charge_query()
        except TooManyRequests:  # a caller that polls gets a slightly older answer instead of a refusal
            if found := self.looks.find(key, within_seconds=_OLDEST_LOOK_SECONDS):
                return found[0]
            raise
        return self.looks.keep(key, read())

    def _page(self, tenant_id: str, request: ListRequest) -> dict[str, Any]:
        rows = self.run_log.list_runs(
            tenant_id,
            status=request.status,
            pipeline_id=request.pipeline_id,
            backfill_id=request.backfill_id,
            after=find_place(request.page_token),
            limit=request.limit + 1,
        )
        page, token = first_page(rows, request.limit, lambda row: Place(row["created_at"], row["pipeline_logging_id"]))
        return {"runs": [_listed(row) for row in page], "next_page_token": token}

    def _run_in_full(self, tenant_id: str, pipeline_logging_id: str) -> dict[str, Any]:
        run = self._run(tenant_id, pipeline_logging_id)
        details = self.run_log.get_details(tenant_id, run, has_ended=run["status"] in FINISHED)
        figures = {"dates": run["dates"], "bytes_billed": billed_for(details["steps"], otherwise=run["bytes_billed"])}
        return {**_listed(run), **figures, **details}

    def cancel(self, tenant_id: str, pipeline_logging_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Request the run's cancellation; Conflict if it has finished. Dispatcher and executor react to the event."""
        validated(NoBody, body)
        run = self._run(tenant_id, pipeline_logging_id)
        if run["status"] in FINISHED:
            raise Conflict("The run has already ended.", run_status=run["status"])
        self._ask_for_end(tenant_id, [run])
        log.info("cancellation requested", pipeline_logging_id=pipeline_logging_id)
        return {
            "pipeline_logging_id": pipeline_logging_id,
            "tenant_id": tenant_id,
            "status": run["status"],
            "message": "Cancellation requested",
        }

    def cancel_backfill(self, tenant_id: str, backfill_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Request the cancellation of every run of a backfill that has not ended. It takes as many jobs as `cancel`.

        It raises NotFound for a backfill that is not this tenant's. A repeated call completes a call that was cut off,
        and cancels no run twice, because it reads from the runs which of them it still has to cancel.
        """
        validated(NoBody, body)
        runs = self.run_log.list_runs(tenant_id, backfill_id=backfill_id, limit=MAX_MONTHS)
        if not runs:
            raise NotFound("There is no such backfill.")
        unfinished = [run for run in runs if run["status"] not in FINISHED]
        if unfinished:
            self._ask_for_end(tenant_id, unfinished)
        log.info("cancellation of a backfill requested", backfill_id=backfill_id, runs=len(unfinished))
        waiting = sum(run["status"] == "PENDING" for run in unfinished)
        return {
            "backfill_id": backfill_id,
            "tenant_id": tenant_id,
            "waiting_runs": waiting,
            "running_runs": len(unfinished) - waiting,
            "finished_runs": len(runs) - len(unfinished),
            "message": "Cancellation requested" if unfinished else "All its runs have finished",
        }

    def retry(self, key: PresentedKey, pipeline_logging_id: str, creation: CreationRequest) -> Reply:
        """Start a run with the same parameters; Conflict while the first one lives, and the errors of a manual run."""
        standing = self.intake.require_standing(key)
        validated(NoBody, creation.body)
        run = self._run(key.tenant_id, pipeline_logging_id)
        if run["status"] not in FINISHED:
            raise Conflict("The run has not ended yet; cancel it, or wait for its end.", run_status=run["status"])
        template = get_template(*run["pipeline_id"].split("-"))
        repeated = replace(creation, body=run["parameters"] or {})
        reply = ManualRuns(self.intake).answer(RunRequest(standing, template, repeated, retry_of=pipeline_logging_id))
        self.looks.forget(lambda looked: looked[0] == key.tenant_id)
        return replace(reply, body={**reply.body, "retry_of": pipeline_logging_id})

    def _ask_for_end(self, tenant_id: str, runs: Sequence[Row]) -> None:
        now = datetime.now(UTC)
        requests = [
            RunEvent(
                run_id=run["run_id"],
                tenant_id=tenant_id,
                kind="CANCEL_REQUESTED",
                occurred_at=now,
                event_id=uuid.uuid5(uuid.NAMESPACE_URL, f"cancel:{run['run_id']}").hex,
            )
            for run in runs
        ]
        self.events.append(requests)
        self.tasks.kick()
        self.looks.forget(lambda key: key[0] == tenant_id)

    def _run(self, tenant_id: str, pipeline_logging_id: str) -> Row:
        run = self.run_log.find_run(tenant_id, pipeline_logging_id)
        if run is None:
            raise NotFound("There is no such run.")
        return run


def _listed(run: Row) -> dict[str, Any]:
    return {name: run[name] for name in _LISTED}
