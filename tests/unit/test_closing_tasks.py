"""Each closing task has many runs of one tenant, and the tasks alternate among tenants."""

from __future__ import annotations

import json
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.adapters.google.closing_tasks import TenantsRun, close_tasks
from shared.domain.requests.parsing import validated
from shared.domain.runs.delivery import MAX_CLOSINGS, CloseTask, EndedRun

TASK_BYTES = 100_000  # a size that Cloud Tasks accepts


def ended(tenant_id: str, number: int, message: str | None = None) -> TenantsRun:
    run_id = f"{tenant_id}-{number}"
    run = EndedRun(
        run_id=run_id,
        pipeline_logging_id=run_id,
        attempt=0,
        status="CANCELLED",
        error_class="CANCELLED",
        error_message=message,
    )
    return tenant_id, run


@given(
    counts=st.lists(st.integers(0, 1_200), min_size=1, max_size=4),
    message=st.one_of(st.none(), st.text(min_size=1, max_size=4).map(lambda text: (text * 1_000)[:1_000])),
)
@settings(max_examples=25, deadline=None)
def test_every_run_is_in_one_task_that_cloud_tasks_and_the_function_accept(
    counts: list[int], message: str | None
) -> None:
    runs = [ended(f"tenant_{n}", number, message) for n, count in enumerate(counts) for number in range(count)]
    tasks = close_tasks(runs)
    assert Counter((task.tenant_id, run) for task in tasks for run in task.runs) == Counter(runs)
    for task in tasks:
        assert len(json.dumps(task.model_dump())) <= TASK_BYTES
        assert validated(CloseTask, task.model_dump()) == task
    assert len({task.name for task in tasks}) == len(tasks)


def test_five_thousand_cancels_are_a_dozen_tasks_and_another_tenant_comes_second() -> None:
    tasks = close_tasks([*(ended("noisy", number) for number in range(5_175)), ended("calm", 0)])
    assert [task.tenant_id for task in tasks[:2]] == ["noisy", "calm"]
    assert len(tasks) <= 5_175 // MAX_CLOSINGS + 4
