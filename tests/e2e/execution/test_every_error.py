"""Every error in every phase of a run ends the attempt at once, and its event names the error.

Every error meets a run that begins. What an executor makes of each error in a step is looked at in the executor; one
error of each kind of ending goes on to the event.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from google.api_core import exceptions

from devcloud.server import Devcloud
from shared import errors
from shared.adapters.bigquery.job_errors import (
    AssertionFailed,
    DuplicateJob,
    InvalidStatement,
    Missing,
    UnknownColumn,
)
from shared.domain.runs.attempt import Begun, ClaimedRun
from shared.domain.runs.delivery import RunTask
from shared.pipeline.begin import begin_hop
from shared.pipeline.context import HopContext, Services
from shared.pipeline.executor import Executor
from shared.pipeline.journal import Journal
from shared.pipeline.stop_signal import StopSignal
from tests.conftest import MakeTenant
from tests.support.executions import Delivery, Executions
from tests.support.faulty_services import FaultyPlatform, MakeError, faulty_platform
from tests.support.own_executor import Hurried
from tests.support.tenant import Tenant

google: Any = exceptions  # its exceptions have no annotations
DAY = {"date": "2025-11-16"}
MANY_RETRIES = 10_000
CRASHED = "The run crashed; find its log by execution_id."
STEPS = ("extract", "sql", "run_checks", "publish")


@dataclass(frozen=True)
class Ending:
    """The kind and the contents of an attempt's last event."""

    kind: str
    error_class: str | None = None
    retryable: bool | None = None
    message: str | None = None


Failure = tuple[MakeError, Ending]


def ends(make: MakeError, error_class: str, *, for_good: bool = False, kind: str = "FAILED") -> Failure:
    error = make()
    message = str(error) if isinstance(error, errors.ConvergenceError) else CRASHED
    return make, Ending(kind, error_class, not for_good if kind == "FAILED" else None, message)


def refused_statement() -> errors.JobFailed:
    return errors.JobFailed("BigQuery: invalidQuery, a statement is not valid", is_final=True)


LASTING: list[Failure] = [
    ends(errors.CredentialsRejected, "CREDENTIALS_REJECTED", for_good=True),
    ends(errors.SourceNotFound, "SOURCE_NOT_FOUND", for_good=True),
    ends(errors.SourceChanged, "SOURCE_CHANGED", for_good=True),
    ends(errors.SourceLocation, "LOCATION_MISMATCH", for_good=True),
    ends(errors.InvalidParameters, "INVALID_PARAMETERS", for_good=True),
    ends(errors.InvalidTemplate, "INVALID_TEMPLATE", for_good=True),
    ends(errors.BytesLimitExceeded, "BYTES_LIMIT_EXCEEDED", for_good=True),
    ends(errors.CheckFailed, "CHECK_FAILED", for_good=True),
    ends(errors.FenceLost, "FENCE_LOST", for_good=True),
    ends(errors.StepRefused, "STEP_FAILED", for_good=True),
    ends(errors.InvalidInput, "INVALID_PARAMETERS", for_good=True),
    ends(errors.LocationMismatch, "INVALID_PARAMETERS", for_good=True),
    ends(errors.ConfigError, "INVALID_TEMPLATE", for_good=True),
    ends(errors.BrokenTemplate, "INVALID_TEMPLATE", for_good=True),
    ends(refused_statement, "STEP_FAILED", for_good=True),
    (errors.RunCancelled, Ending("CANCELLED")),
]
PASSING: list[Failure] = [
    ends(errors.DependencyThrottled, "UNAVAILABLE", kind="PAUSED"),
    ends(errors.Throttled, "UNAVAILABLE", kind="PAUSED"),
    ends(errors.SourceThrottled, "UNAVAILABLE"),
    ends(errors.SourceRewritten, "UNAVAILABLE"),
    ends(errors.ReadBroken, "UNAVAILABLE"),
    ends(errors.CredentialsLocked, "CREDENTIALS_REJECTED"),
    ends(errors.StepFailed, "STEP_FAILED"),
    ends(errors.StepTimedOut, "STEP_TIMEOUT"),
    ends(errors.DependencyUnavailable, "UNAVAILABLE"),
    ends(errors.ExecutorStuck, "EXECUTOR_STUCK"),
    ends(errors.RunError, "INTERNAL"),
    ends(errors.Unavailable, "UNAVAILABLE"),
    ends(errors.TransactionAborted, "UNAVAILABLE"),
    ends(errors.AccessDenied, "UNAVAILABLE"),
    ends(errors.JobFailed, "STEP_FAILED"),
    ends(AssertionFailed, "STEP_FAILED"),
    ends(InvalidStatement, "STEP_FAILED"),
    ends(Missing, "STEP_FAILED"),
    ends(UnknownColumn, "STEP_FAILED"),
    ends(errors.ConvergenceError, "STEP_FAILED"),
    ends(lambda: google.Forbidden("no"), "INTERNAL"),
    ends(lambda: google.RetryError("long", OSError()), "INTERNAL"),
    ends(TimeoutError, "INTERNAL"),
    ends(RuntimeError, "INTERNAL"),
    ends(RecursionError, "INTERNAL"),
    ends(MemoryError, "INTERNAL"),
]
# Errors that only a caller's request can cause. All of them mean the same in a run.
OF_REQUESTS = (
    errors.Unauthenticated, errors.Forbidden, errors.NotFound, errors.MethodNotAllowed, errors.PayloadTooLarge,
    errors.UnsupportedMediaType, errors.Conflict, errors.IdempotencyMismatch, errors.QuotaExceeded, errors.LimitReached,
    errors.TooManyWaiting, errors.TooManyRequests,
)  # fmt: skip
OF_COMMANDS = (errors.NotSignedIn,)
CONFLICT = ends(errors.Conflict, "STEP_FAILED")
# An attempt that has not begun has no row that it could end.
NOT_BEGUN = (errors.RunCancelled, Ending("FAILED", "CANCELLED", retryable=True, message=str(errors.RunCancelled())))


@dataclass
class Stage:
    """A tenant with a run for each phase. The run is delivered again for each error and never gets past its phase."""

    platform: FaultyPlatform
    executions: Executions
    tenant: Tenant
    deliveries: dict[str, Delivery] = field(default_factory=dict)
    hops: dict[str, HopContext | Begun] = field(default_factory=dict)

    def execute(self, phase: str, **fails: MakeError) -> tuple[str, str]:
        """Execute another hop of the phase's run with this fault; return the execution's id and its outcome."""
        delivery, execution_id = self._next(phase), uuid.uuid4().hex
        return execution_id, self.deliver(delivery, execution_id=execution_id, **fails)

    def deliver(self, delivery: Delivery, *, execution_id: str = "", **fails: MakeError) -> str:
        """Deliver with this fault, and return the executor's outcome."""
        self.platform.fault.places = fails
        task = RunTask(**delivery.to_body())
        return self.platform.execute(task, execution_id=execution_id or uuid.uuid4().hex, begin=self._begin)

    def last_events(self, phase: str) -> dict[str, Ending]:
        """The last event of each execution of the phase's run."""
        events = self.executions.query(
            "SELECT execution_id, kind, error_class, error_message, retryable FROM tenants.pipeline_run_events"
            " WHERE run_id = @run_id AND kind != 'HEARTBEAT' ORDER BY occurred_at",
            run_id=self.deliveries[phase].run_id,
        )
        return {
            event["execution_id"]: Ending(
                event["kind"], event["error_class"], event["retryable"], event["error_message"]
            )
            for event in events
        }

    def _next(self, phase: str) -> Delivery:
        if before := self.deliveries.get(phase):
            delivery = replace(before, hop=before.hop + 1)
        else:
            template = "billing" if phase == "extract" else "daily_by_service"
            delivery = self.executions.admit(self.tenant, DAY, template=template, max_retries=MANY_RETRIES)
        self.deliveries[phase] = delivery
        return delivery

    def raised(self, phase: str, make: MakeError) -> Exception:
        """The error that the executor raises if this one meets the phase of a run that has come to it."""
        hop = self.hops[self.deliveries[phase].run_id]
        assert isinstance(hop, HopContext)
        self.platform.fault.places = {phase: make}
        own, journal = replace(hop, stop_signal=Hurried(budget_seconds=300)), Journal(hop.run.checkpoints)
        executor = Executor(own, journal, record=lambda _: uuid.uuid4().hex, clock=lambda: datetime.now(UTC))
        with pytest.raises(Exception) as raised:  # noqa: PT011 - any error; the test looks at it
            executor.run()
        return raised.value

    def _begin(self, task: RunTask, run: ClaimedRun, stop_signal: StopSignal, services: Services) -> HopContext | Begun:
        """Begin a run, once: its later hops find it as it was then, and not ended by an error before."""
        if task.run_id not in self.hops:
            self.hops[task.run_id] = begin_hop(task, run, stop_signal, services)
        found = self.hops[task.run_id]
        if isinstance(found, HopContext):
            found = self.hops[task.run_id] = replace(found, task=task, run=run, stop_signal=stop_signal)
        return found


@pytest.fixture(scope="module")
def stage(cloud: Devcloud, executions: Executions, make_reader: MakeTenant) -> Iterator[Stage]:
    tenant = make_reader()
    executions.run(tenant, DAY)
    with faulty_platform(cloud) as platform:
        yield Stage(platform, executions, tenant)


def test_every_class_of_error_has_a_case() -> None:
    known = {type(make()) for make, _ in [*LASTING, *PASSING]} | {*OF_REQUESTS, *OF_COMMANDS, DuplicateJob}
    assert set(family(errors.ConvergenceError)) - known == set()


def family(kind: type[errors.ConvergenceError]) -> Iterator[type[errors.ConvergenceError]]:
    """An error class of the product with all its subclasses."""
    if kind.__module__.startswith("shared."):
        yield kind
    for below in kind.__subclasses__():
        yield from family(below)


def test_a_run_that_begins_ends_with_the_class_and_the_message_of_every_error(stage: Stage) -> None:
    assert_ends(stage, "begin", [*LASTING[:-1], NOT_BEGUN, *PASSING, CONFLICT])


def assert_ends(stage: Stage, phase: str, failures: Sequence[Failure]) -> None:
    """Assert that the phase's run ends as each failure says, by its outcomes and its events."""
    executed = []
    for make, ending in failures:
        execution_id, said = stage.execute(phase, log=errors.StepFailed, **{phase: make})  # no test reads these logs
        assert said == ending.kind, make
        executed.append(execution_id)
    found = stage.last_events(phase)
    assert [found[execution_id] for execution_id in executed] == [ending for _, ending in failures]


@pytest.mark.parametrize("phase", STEPS)
def test_a_step_ends_with_the_class_and_the_message_of_every_error(stage: Stage, phase: str) -> None:
    failures = [*LASTING, *PASSING, CONFLICT]
    kinds = {(end.kind, end.retryable, end.message == CRASHED): (make, end) for make, end in reversed(failures)}
    assert len(kinds) == 5
    assert_ends(stage, phase, list(kinds.values()))
    for make, ending in failures:
        raised = stage.raised(phase, make)
        if ending.message == CRASHED:
            assert type(raised) is type(make())
        elif ending.kind == "CANCELLED":
            assert isinstance(raised, errors.RunCancelled)
        else:
            assert isinstance(raised, errors.RunError), make
            assert isinstance(raised, errors.DependencyThrottled) is (ending.kind == "PAUSED")
            assert (raised.error_class, raised.message) == (ending.error_class, ending.message), make
            assert ending.retryable in (None, raised.retryable), make


def test_a_failed_claim_is_delivered_again_and_nothing_is_lost(stage: Stage) -> None:
    delivery = stage.executions.admit(stage.tenant, DAY, template="daily_by_service")
    for make, _ in [*LASTING, *PASSING]:
        with pytest.raises(type(make())):
            stage.deliver(delivery, claim=make)
    assert stage.deliver(delivery, claim=lambda: DuplicateJob("claimed before")) == "DUPLICATE"
    assert stage.executions.events(delivery) == []
    assert stage.deliver(delivery) == "SUCCEEDED"


@pytest.mark.parametrize("place", ["close", "log"])
def test_an_end_that_cannot_be_logged_is_still_reported(stage: Stage, place: str) -> None:
    _, ending = ends(errors.SourceChanged, "SOURCE_CHANGED", for_good=True)
    executed = []
    for make, _ in [*LASTING, *PASSING] if place == "close" else PASSING[-7:]:
        places: dict[str, MakeError] = {"begin": errors.SourceChanged, "log": errors.StepFailed}
        execution_id, said = stage.execute(place, **places | {place: make})
        assert said == "FAILED"
        executed.append(execution_id)
    found = stage.last_events(place)
    assert [found[execution_id] for execution_id in executed] == [ending] * len(executed)
