"""The executor's services on devcloud, one of which fails at a place that a test names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any

from devcloud.clients import Clients, warehouse_of
from devcloud.server import Devcloud
from shared.adapters.bigquery.sql import Statement
from shared.adapters.bigquery.staging import Staging
from shared.adapters.bigquery.warehouse import Job, QueryJob, Warehouse
from shared.adapters.google.alert_tasks import AlertTarget, EvaluationTasks
from shared.adapters.google.kms import CredentialKey
from shared.adapters.google.tasks import Tasks, TaskTargets
from shared.adapters.stores.events import RunEvents
from shared.adapters.stores.runs import Runs
from shared.configuration.settings import Settings
from shared.domain.runs.attempt import Begun, ClaimedRun
from shared.domain.runs.delivery import RunTask
from shared.pipeline.begin import begin_hop
from shared.pipeline.context import Services
from shared.use_cases.attempt_report import AttemptReport
from shared.use_cases.execute_run import Begin, RunExecution
from tests.support.own_executor import Hurried

Json = dict[str, Any]
MakeError = Callable[[], Exception]


@dataclass
class Fault:
    """The error of each phase of a run, as a function that makes it."""

    places: dict[str, MakeError] = field(default_factory=dict)

    def strike(self, place: str) -> None:
        """Raise the phase's error if there is one."""
        if make := self.places.get(place):
            raise make()


@dataclass(frozen=True)
class _Runs(Runs):
    fault: Fault = field(kw_only=True)

    def claim(self, task: RunTask, *, execution_id: str) -> ClaimedRun | None:
        self.fault.strike("claim")
        return super().claim(task, execution_id=execution_id)

    def begin(self, task: RunTask, run: ClaimedRun, **options: Any) -> Begun:
        self.fault.strike("begin")
        return super().begin(task, run, **options)

    def close_attempt(self, task: RunTask, run: ClaimedRun, **facts: Any) -> str | None:
        self.fault.strike("close")
        return super().close_attempt(task, run, **facts)

    def log(self, *arguments: Any, **options: Any) -> None:
        self.fault.strike("log")
        super().log(*arguments, **options)


@dataclass(frozen=True)
class _Warehouse(Warehouse):
    fault: Fault = field(kw_only=True)

    def once(self, statement: Statement, values: Mapping[str, Any], **options: Any) -> QueryJob:
        self.fault.strike(statement.name)
        return super().once(statement, values, **options)

    def insert(self, statement: Statement, values: Mapping[str, Any], **options: Any) -> QueryJob:
        # A publish job is the only one whose id names no piece of work. The id is the number of a turn.
        if statement.name == "publish":
            self.fault.strike(statement.name)
        return super().insert(statement, values, **options)


@dataclass(frozen=True)
class _Staging(Staging):
    fault: Fault = field(kw_only=True)

    def fill(self, *arguments: Any, **options: Any) -> Job:
        self.fault.strike("sql")
        return super().fill(*arguments, **options)


@dataclass(frozen=True)
class _Key(CredentialKey):
    fault: Fault = field(kw_only=True)

    def decrypt(self, ciphertext: bytes, *, aad: bytes) -> bytes:
        self.fault.strike("extract")
        return super().decrypt(ciphertext, aad=aad)


@dataclass(frozen=True)
class FaultyPlatform:
    """Executes deliveries in this process; `fault` says what fails."""

    services: Services
    tasks: Tasks
    evaluations: EvaluationTasks
    fault: Fault

    def execute(self, task: RunTask, *, execution_id: str, begin: Begin = begin_hop) -> str:
        """Execute the delivery and return its outcome."""
        events = RunEvents(self.services.warehouse)
        report = AttemptReport(task, execution_id, self.services.runs, events, self.tasks, self.evaluations)
        return RunExecution(self.services, report, begin, open_stop_signal=Hurried).execute()


@contextmanager
def faulty_platform(cloud: Devcloud) -> Iterator[FaultyPlatform]:
    """The executor's services as the operator, over clients of their own."""
    fault = Fault()
    with cloud.clients() as clients:
        warehouse = _Warehouse(**_fields_of(warehouse_of(clients.bigquery())), fault=fault)
        settings = Settings(project_id=cloud.project, bigquery_location=cloud.cloud.location)
        services = Services(
            warehouse=warehouse,
            runs=_Runs(warehouse, fault=fault),
            staging=_Staging(warehouse, lambda: None, "", fault=fault),
            credential_key=_Key(clients.kms, "no key: nothing is decrypted", fault=fault),
            settings=settings,
        )
        yield FaultyPlatform(services, _tasks(cloud, clients), _evaluations(cloud, clients), fault)


def _fields_of(warehouse: Warehouse) -> Json:
    return {item.name: getattr(warehouse, item.name) for item in fields(warehouse)}


def _tasks(cloud: Devcloud, clients: Clients) -> Tasks:
    account = f"cvg-tasks-invoker@{cloud.project}.iam.gserviceaccount.com"
    targets = TaskTargets(cloud.cloud.queue("kick"), 5.0, f"{cloud.ready['gateway']}/process_queue", account)
    return Tasks(cache(clients.tasks), targets)


def _evaluations(cloud: Devcloud, clients: Clients) -> EvaluationTasks:
    account = f"cvg-tasks-invoker@{cloud.project}.iam.gserviceaccount.com"
    target = AlertTarget(cloud.cloud.queue("evaluate"), f"{cloud.ready['gateway']}/evaluate_alerts", account)
    return EvaluationTasks(cache(clients.tasks), target, 5.0)
