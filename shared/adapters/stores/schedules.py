"""The store of due schedules. One statement reads all of them; one transaction moves them and queues their runs."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.adapters.bigquery.sql import statement
from shared.adapters.bigquery.warehouse import Warehouse
from shared.domain.schedules.tick_plan import DueSchedule, PlannedSchedule, TickOutcome
from shared.errors import JobFailed
from shared.runtime import log

_NAMESPACE = uuid.UUID("6f6ad1a8-3c9e-5d0b-9a47-1b3a7f2f6c11")  # for run ids, which are derived from schedule and tick
_PARAMETERS_BYTES = 7_000_000  # in one request; BigQuery's limit is ten million
_ROW_BYTES = 1_000  # about the size of an outcome without the tenant's parameters


@dataclass(frozen=True)
class Schedules:
    """Reads and moves tenant_pipeline_configs for the trigger."""

    warehouse: Warehouse

    def read_due(self) -> tuple[datetime, list[DueSchedule]]:
        """BigQuery's clock and every schedule that is due by it. One job."""
        (row,) = self.warehouse.read(statement("schedules", "read_due"), {})
        return row["now"], [DueSchedule(**_with_parameters(schedule)) for schedule in row["schedules"]]

    def apply(self, now: datetime, planned: Sequence[PlannedSchedule]) -> frozenset[str]:
        """Move the schedules and queue their runs. It returns the config_ids that moved. One job, as a rule.

        It raises TransactionAborted if another writer of the schedules committed first.
        """
        moved: set[str] = set()
        oldest_tick = min((schedule.plan.moves_from for schedule in planned), default=now)
        for batch in batched(planned):
            moved |= self._apply(now, oldest_tick, batch)
        return frozenset(moved)

    def _apply(self, now: datetime, oldest_tick: datetime, batch: Sequence[SentPlan]) -> set[str]:
        """Apply the plans in one transaction. If BigQuery refuses one, apply the others."""
        values = {
            "now": now,
            "oldest_tick": oldest_tick,
            "plans": f"[{','.join(sent.plan for sent in batch)}]",
            "outcomes": f"[{','.join(outcome for sent in batch for outcome in sent.outcomes)}]",
        }
        try:
            job = self.warehouse.change(statement("schedules", "apply_plans"), values)
        except JobFailed as error:
            if len(batch) == 1:
                log.error("schedule not applied", config_id=batch[0].config_id, exception=error)
                return set()
            half = len(batch) // 2
            return self._apply(now, oldest_tick, batch[:half]) | self._apply(now, oldest_tick, batch[half:])
        return {row["config_id"] for row in self.warehouse.rows_of(job)}


def run_id_of(config_id: str, tick: datetime) -> str:
    """The one run a schedule has for a tick."""
    return str(uuid.uuid5(_NAMESPACE, f"{config_id}/{tick.isoformat()}"))


def _with_parameters(schedule: Mapping[str, Any]) -> dict[str, Any]:
    return {**schedule, "parameters": json.loads(schedule["parameters"] or "null") or {}}


def run_bytes(parameters: Mapping[str, Any], credential_source: str | None) -> int:
    """About how many bytes of a request one run of a schedule with these parameters takes."""
    # The source is named by the parameters, or by the credential.
    return _ROW_BYTES + 2 * _sent_bytes(json.dumps(dict(parameters))) + len(credential_source or "")


def _sent_bytes(text: str) -> int:
    """The length of a text in a request, where quotes and backslashes are escaped."""
    return len(json.dumps(text))


@dataclass(frozen=True)
class SentPlan:
    """A plan and its outcomes as JSON texts."""

    config_id: str
    plan: str
    outcomes: Sequence[str]

    @property
    def sent_bytes(self) -> int:
        """The number of bytes that the plan and its outcomes take in a request."""
        return sum(map(_sent_bytes, [self.plan, *self.outcomes]))


def batched(planned: Sequence[PlannedSchedule]) -> Iterator[list[SentPlan]]:
    """Batches of plans, each small enough for one request."""
    batch: list[SentPlan] = []
    size = 0
    for schedule in planned:
        sent = SentPlan(schedule.plan.config_id, _plan_json(schedule), _outcomes_json(schedule))
        if batch and size + sent.sent_bytes > _PARAMETERS_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(sent)
        size += sent.sent_bytes
    if batch:
        yield batch


def _plan_json(schedule: PlannedSchedule) -> str:
    plan = schedule.plan
    row = {
        "config_id": plan.config_id,
        "moves_from": plan.moves_from.isoformat(),
        "next_run_time": plan.next_run_time.isoformat() if plan.next_run_time else None,
        "is_active": schedule.is_active,
        "is_deferred": plan.deferred_reason is not None,
        "is_skipped": bool(plan.outcomes) and plan.outcomes[-1].skip_reason is not None,
    }
    return json.dumps(row)


def _outcomes_json(schedule: PlannedSchedule) -> list[str]:
    sources = schedule.sources or [None] * len(schedule.plan.outcomes)
    return [
        json.dumps(_outcome_row(schedule.plan.config_id, outcome) | {"source": source})
        for outcome, source in zip(schedule.plan.outcomes, sources, strict=True)
    ]


def _outcome_row(config_id: str, outcome: TickOutcome) -> dict[str, Any]:
    return {
        "run_id": run_id_of(config_id, outcome.last_tick),
        "config_id": config_id,
        "first_tick": outcome.first_tick.isoformat(),
        "last_tick": outcome.last_tick.isoformat(),
        "tick_count": outcome.tick_count,
        "skip_reason": outcome.skip_reason,
        "parameters": dict(outcome.parameters),
    }
