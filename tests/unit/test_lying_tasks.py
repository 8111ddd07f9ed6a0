"""Cloud Tasks may lose its answer, refuse for a moment or forget a task: every run has one task in the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from google.api_core import exceptions

from shared.adapters.google.tasks import Tasks, TaskTargets
from shared.domain.runs.delivery import RunTask

google: Any = exceptions  # its exceptions have no annotations
RUN = RunTask(run_id="run", tenant_id="acme", pipeline_logging_id="log", lease_id="lease", attempt=1, hop=0)
TARGETS = TaskTargets("kicks", 5.0, "https://dispatcher", "invoker@p", "runs", "closings", "https://executor")


@dataclass
class LyingQueue:
    """Tells a lie for each call until there are none left: an error, and whether the task was taken all the same."""

    lies: list[tuple[Exception | None, bool]]
    tasks: list[str] = field(default_factory=list)

    def create_task(
        self, *, request: dict[str, Any], retry: Callable[[Callable[[], None]], Callable[[], None]], timeout: float
    ) -> None:
        assert timeout <= 10
        retry(lambda: self._create(request["task"]["name"]))()

    def _create(self, name: str) -> None:
        error, is_taken = self.lies.pop(0) if self.lies else (None, True)
        if is_taken and name in self.tasks:
            raise google.AlreadyExists("it exists")
        self.tasks += [name] * is_taken
        if error:
            raise error


def queue_of(*lies: tuple[Exception | None, bool]) -> tuple[LyingQueue, Tasks]:
    queue = LyingQueue(list(lies))
    return queue, Tasks(lambda: queue, TARGETS)


@pytest.mark.parametrize("is_taken", [True, False])
@pytest.mark.parametrize(
    "error", [google.DeadlineExceeded("late"), google.ServiceUnavailable("down"), google.ResourceExhausted("slow down")]
)
def test_a_lost_answer_makes_one_task(error: Exception, *, is_taken: bool) -> None:
    queue, tasks = queue_of((error, is_taken))
    assert tasks.dispatch_runs([RUN]) == []
    assert queue.tasks == [f"runs/tasks/{RUN.name}"]


def test_a_task_that_cloud_tasks_forgot_or_refused_is_created_when_it_is_sent_again() -> None:
    queue, tasks = queue_of((None, False), (google.PermissionDenied("no"), False))
    assert tasks.dispatch_runs([RUN]) == []
    assert tasks.dispatch_runs([RUN]) == [RUN]
    assert queue.tasks == []
    assert [tasks.dispatch_runs([RUN]) for _ in range(2)] == [[], []]
    assert queue.tasks == [f"runs/tasks/{RUN.name}"]


def test_a_renewed_lease_and_a_next_hop_do_not_meet_the_names_of_earlier_tasks() -> None:
    queue, tasks = queue_of()
    runs = [RUN, RUN.next_hop(), RUN.model_copy(update={"lease_id": "renewed", "hop": 1})]
    assert tasks.dispatch_runs(runs) == []
    assert len(set(queue.tasks)) == 3


def test_a_kick_that_fails_is_no_error_of_the_caller() -> None:
    queue, tasks = queue_of((google.PermissionDenied("no"), False))
    assert [tasks.kick(), tasks.kick()] == [False, True]
    assert len(queue.tasks) == 1
