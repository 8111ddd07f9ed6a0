"""Packs the closings of ended runs into tasks, each with runs of one tenant. The tasks alternate among tenants."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence

from shared.domain.runs.delivery import MAX_CLOSINGS, CloseTask, EndedRun

_TASK_BYTES = 60_000  # a task may have at most 100 kB

TenantsRun = tuple[str, EndedRun]  # tenant_id first


def close_tasks(ended: Iterable[TenantsRun]) -> list[CloseTask]:
    """Make a few tasks that close all of these runs: the first task of each tenant, then the second of each."""
    runs_of: dict[str, list[EndedRun]] = defaultdict(list)
    for tenant_id, run in ended:
        runs_of[tenant_id].append(run)
    tasks = [
        (number, CloseTask(tenant_id=tenant_id, runs=part))
        for tenant_id, runs in runs_of.items()
        for number, part in enumerate(_parts(runs))
    ]
    return [task for _, task in sorted(tasks, key=lambda pair: pair[0])]


def _parts(runs: Sequence[EndedRun]) -> Iterable[list[EndedRun]]:
    part: list[EndedRun] = []
    size = 0
    for run in runs:
        grown = len(json.dumps(run.model_dump()))
        if part and (len(part) == MAX_CLOSINGS or size + grown > _TASK_BYTES):
            yield part
            part, size = [], 0
        part.append(run)
        size += grown
    if part:
        yield part
