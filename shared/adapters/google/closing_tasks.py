"""Tasks that close runs no executor ends: many of one tenant's in each, one tenant's after the other's."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from shared.domain.runs.delivery import MOST_CLOSINGS

_TASK_BYTES = 60_000  # a task takes 100 kB


@dataclass(frozen=True)
class EndedRun:
    """A run that ended in the queue, and what its row in the tenant's dataset is to say."""

    tenant_id: str
    run_id: str
    pipeline_logging_id: str
    attempt: int
    status: str
    error_class: str | None = None
    error_message: str | None = None


@dataclass(frozen=True)
class CloseTask:
    """One delivery: runs of one tenant."""

    tenant_id: str
    runs: Sequence[EndedRun]

    @property
    def work(self) -> str:
        """What tells one task from another."""
        return "\n".join([self.tenant_id, *sorted(run.run_id for run in self.runs)])

    def to_body(self) -> dict[str, object]:
        """What shared/domain/runs/delivery.py reads."""
        return {"tenant_id": self.tenant_id, "runs": [_body(run) for run in self.runs]}


def close_tasks(ended: Iterable[EndedRun]) -> list[CloseTask]:
    """Few tasks for all of these runs, in turn among tenants: the first of each, then the second of each."""
    runs_of: dict[str, list[EndedRun]] = defaultdict(list)
    for run in ended:
        runs_of[run.tenant_id].append(run)
    tasks = [
        (turn, CloseTask(tenant_id, part))
        for tenant_id, runs in runs_of.items()
        for turn, part in enumerate(_parts(runs))
    ]
    return [task for _, task in sorted(tasks, key=lambda pair: pair[0])]


def _body(run: EndedRun) -> dict[str, object]:
    return {name: value for name, value in asdict(run).items() if name != "tenant_id"}


def _parts(runs: Sequence[EndedRun]) -> Iterable[list[EndedRun]]:
    part: list[EndedRun] = []
    size = 0
    for run in runs:
        grown = len(json.dumps(_body(run)))
        if part and (len(part) == MOST_CLOSINGS or size + grown > _TASK_BYTES):
            yield part
            part, size = [], 0
        part.append(run)
        size += grown
    if part:
        yield part
